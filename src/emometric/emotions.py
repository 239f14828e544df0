"""The one vocabulary of emotions; each corpus maps its own codes onto it."""

EMOTIONS = (
    "anger",
    "boredom",
    "calm",
    "disgust",
    "excitement",
    "fear",
    "frustration",
    "happiness",
    "neutral",
    "sadness",
    "surprise",
)


def present(labels) -> tuple[str, ...]:
    """The emotions that occur in `labels`, in the order of the vocabulary; None is passed over."""
    found = {label for label in labels if label is not None}
    return tuple(emotion for emotion in EMOTIONS if emotion in found)
