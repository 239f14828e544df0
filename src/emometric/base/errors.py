"""What can go wrong, in one sentence each: what, where, what to do."""


class PipelineError(Exception):
    """Refused or failed for a reason that a person can mend; shown as one sentence, exit code 1."""


class ParameterError(PipelineError):
    """A setting is unknown, misspelt or out of range."""


class CorpusError(PipelineError):
    """A corpus is absent, empty or not laid out as its owner publishes it."""


class AudioError(PipelineError):
    """A recording cannot be read or used."""


class StoreError(PipelineError):
    """A stored table or shard is missing, damaged or does not fit the clips."""


class SplitError(PipelineError):
    """A protocol cannot divide these clips as asked."""
