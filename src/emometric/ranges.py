"""What a setting may be: shares and whole numbers, checked in one sentence."""

from typing import Any

from emometric.base.errors import ParameterError


def check_share(where: str, value: Any, *, from_zero: bool = True) -> None:
    """Raise ParameterError unless `value` is a number in [0, 1), or in (0, 1).

    where: the setting's place in params.yaml, such as protocols.speaker_folds.valid_share.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 <= value < 1 or (value == 0 and not from_zero):
        least = "from 0" if from_zero else "above 0"
        raise ParameterError(
            f"params.yaml: {where} is '{value}'; write a number {least} and below 1."
        )


def check_whole(where: str, value: Any, least: int) -> None:
    """Raise ParameterError unless `value` is a whole number from `least`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ParameterError(
            f"params.yaml: {where} is '{value}'; write a whole number from {least}."
        )


def check_flag(where: str, value: Any) -> None:
    """Raise ParameterError unless `value` is true or false."""
    if not isinstance(value, bool):
        raise ParameterError(f"params.yaml: {where} is '{value}'; write true or false.")


def check_margin(where: str, value: Any) -> None:
    """Raise ParameterError unless `value` lies above 0 and at most 2, the largest distance of unit
    vectors."""
    if not 0 < value <= 2:
        raise ParameterError(f"params.yaml: {where} is {value}; write a number above 0, up to 2.")
