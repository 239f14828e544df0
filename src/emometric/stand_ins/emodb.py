"""The stand-in of Emo-DB: its ten sentences in German, its 535 names, its ten speakers."""

from collections.abc import Iterable, Iterator

from emometric.corpora.emodb import EMOTIONS, LISTENERS
from emometric.stand_ins.ratings import das2022
from emometric.stand_ins.utterance import Recording, Utterance, generator, thin

# An anechoic room; the published files are brought to full scale one by one.
RECORDING = Recording(
    rate_hz=16000, level_db=None, noise_db=(36.0, 52.0), lead_s=(0.02, 0.15), tail_s=(0.03, 0.25)
)
NAMES_ARE_PUBLISHED = True  # at full scale: all of the owner's, and no other

_TEXTS = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
_WOMEN = ("08", "09", "13", "14", "16")

# Of each speaker and sentence, the published emotion letters and takes.
_TAKES = {
    "03": (
        "a01:Fa,Nc,Wa a02:Fc,Nc,Ta,Wb,Wc a04:Ad,Fd,Lc,Nc,Ta,Wc a05:Aa,Fc,Nd,Tc,Wa,Wb "
        "a07:Fa,Fb,La,Nc,Wc b01:Fa,Lb,Nb,Td,Wa,Wc b02:Aa,La,Na,Tb,Wb b03:Nb,Tc,Wc "
        "b09:La,Nc,Tc,Wa b10:Ab,Ec,Na,Nc,Wb,Wc "
    ),
    "08": (
        "a01:Ab,Fd,Lc,Na,Wa,Wc a02:Ab,Ac,Fe,La,Na,Tb,Wc a04:Ff,La,Nc,Tb,Wc "
        "a05:Fe,Lc,Nb,Ta,Wa a07:Fd,La,Na,Ta,Tb,Wc b01:Aa,Fd,Fe,Lb,Na,Wa b02:Ff,La,Nb,Tc,Wd "
        "b03:Fe,Lc,Nb,Tc,Wd b09:Ab,Fd,Lc,Nb,Tb,Wa,Wc b10:Aa,Fd,La,Nc,Tc,Wa "
    ),
    "09": (
        "a01:Ea,Fa,Nb,Wb a02:Ea,Eb,La,Wb a04:Fd,La,Nb,Wa a05:Ed,Lc,Nb,Tb,Wb,Wc "
        "a07:Eb,Na,Ta,Wb,Wd b01:Ea,Na,Wb b02:Na,Tb,Wc,Wd b03:Ed,Fa,Fd,Lb,Nb,Ta,Wb "
        "b09:Ea,Nd,Wa b10:Aa,Nd,Wa "
    ),
    "10": (
        "a01:Ac,Nb,Wa a02:Ab,Fa,Lb,Na,Wa a04:Fd,Nb,Wa,Wb a05:Aa,Ld,Tb,Wb a07:Aa,Ad,La,Ta,Wb "
        "b01:Aa,Ea,Fa,Lb b02:Aa,La,Na,Wb b03:La,Tb,Wb b09:Ad,Lb,Wb b10:Fc,Lc,Wa "
    ),
    "11": (
        "a01:Aa,Ab,Ld,Nd,Wc a02:Ec,Fb,Ld,Nc,Tc,Wc a04:Ac,Fd,Nd,Wc a05:Ad,Fb,Fc,Lc,Na,Td,Wd "
        "a07:Ac,Ld,Ta,Wc b01:Ab,Eb,Fc,Lb,Nc,Wd b02:Ab,Fd,Na,Td,Wb b03:Fc,Lc,Nb,Td,Wa,Wb "
        "b09:Ad,Fd,Ld,Na,Td,Wa b10:Ad,Ae,Ld,Nc,Td,Wa "
    ),
    "12": (
        "a01:Fb,Lb,Nb,Wc a02:Ac,Ec,Nb,Wa,Wc a04:Wc a05:Ab,Lb,Nd,Ta,Wb a07:Ac,La,Wa "
        "b01:Ta,Wa b02:Ad,Ea,Fb,Na,Wa,Wb,Wd b03:La,Ta b09:Ac,Td,Wc b10:Ac,Ld,Wa "
    ),
    "13": (
        "a01:Ac,Ea,Ec,Fd,Lb,Nb,Wb a02:Ad,Ec,Fa,Lc,Nc,Ta,Wa a04:Ac,Fc,Lb,Ta,Wc "
        "a05:Aa,Ea,Lc,Nb,Tc,Wa,Wc a07:Fd,Lb,Na,Tc,Wb b01:Ab,Ec,Fc,Ld,Nc,Wa b02:Fb,Lc,Nb,Wa "
        "b03:Ac,Ed,Fd,Lb,Na,Td,Wc b09:Ab,Ec,Fb,Fc,La,Na,Wa b10:Ec,Fa,La,Nc,Wa,Wc "
    ),
    "14": (
        "a01:Aa,Ac,Ea,Na,Wa,Wc a02:Ab,Ea,Fd,La,Nc,Tb,Wa,Wc a04:Aa,Ed,Lb,Tb,Tc,Wb,Wc "
        "a05:Aa,Ac,Fa,Fb,Lb,Na,Ta,Tc,Wa,Wb a07:Aa,Eb,Fd,Lc,Ld,Na,Tc,Wc "
        "b01:Ac,Eb,Fa,Fc,Na,Wc b02:Aa,Fb,Na,Tc,Wb,Wd b03:Ad,Ed,Lb,Ta,Wb "
        "b09:Ac,Ea,Fc,Lb,Td,Wa,Wc b10:Ad,Eb,Lb,Nb,Tc,Wc "
    ),
    "15": (
        "a01:Ea,Fb,La,Nb,Wa a02:Ac,Ea,La,Na,Ta,Wb,Wd a04:Ab,Ac,Fd,Nc,Wa,Wb "
        "a05:Eb,Fb,Lb,Na,Wa a07:Ac,Eb,Fa,Fb,Ld,Nc b01:Ec,Lb,Na,Wc b02:Aa,Lb,Nd,Tc,Wa,Wc "
        "b03:Aa,Lc,Nb,Tc,Wa,Wb b09:Ac,Fa,La,Nb,Ta,Wb b10:Ac,Lc,Nb,Nc,Wa "
    ),
    "16": (
        "a01:Ec,Fc,Lb,Nc,Tb,Wb a02:Ea,Ec,Lb,Nb,Tc,Wb a04:Ab,Ea,Fa,La,Lc,Nc,Tc,Wb,Wc "
        "a05:Ab,Ea,Fc,La,Tb,Wb,Wc a07:Ea,Fa,Fb,La,Lb,Nb,Td,Wa b01:Aa,Eb,Fa,La,Lc,Tb,Wa,Wb "
        "b02:Aa,Eb,Fd,Lb,Wb b03:Ad,Ea,Fa,Fd,La,Nb,Ta,Wb b09:Ab,Eb,Fb,La,Lb,Wb "
        "b10:Aa,Eb,Fb,Lb,Tb,Td,Wa,Wb "
    ),
}


def utterances(max_clips: int | None) -> Iterator[Utterance]:
    """The 535 clips, or at most `max_clips` of each speaker and emotion."""
    return thin(_all(), max_clips)


def label_files(utterances: Iterable[Utterance]) -> Iterator[tuple[str, str | bytes]]:
    """Activation and valence, as das2022 published them for the original; and listeners' rates."""
    yield from das2022("emodb", utterances)
    yield f"download/{LISTENERS}", _listened()


def _listened() -> bytes:
    """The owner's table of all clips, in its Latin-1 with tabs and no-break spaces.

    Of 20 listeners at least 16 recognise a clip, and at least 9 find it natural, as in the
    original. The rates follow from the name alone, and from nothing that can be heard.
    """
    rows = ["Nr.\tSatz\terkannt\tnatuerlich"]
    for number, utterance in enumerate(_all(), start=1):
        listeners = generator("listeners", "emodb", utterance.path)
        recognised, natural = 16 + listeners.binomial(4, 0.75), 9 + listeners.binomial(11, 0.6)
        rates = (f"{5 * n},00" + 5 * "\xa0" for n in (recognised, natural))
        rows.append("\t".join((f"{number}\xa0\xa0", utterance.path.rpartition("/")[2], *rates)))
    return "".join(f"{row}\n" for row in rows).encode("latin-1")


def _all() -> Iterator[Utterance]:
    for speaker, sentences in _TAKES.items():
        for entry in sentences.split():
            sentence, takes = entry.split(":")
            for take in takes.split(","):
                yield Utterance(
                    corpus="emodb",
                    path=f"download/wav/{speaker}{sentence}{take}.wav",
                    text=_TEXTS[sentence],
                    language="de",
                    speaker=speaker,
                    sex="f" if speaker in _WOMEN else "m",
                    emotion=EMOTIONS[take[0]],
                )
