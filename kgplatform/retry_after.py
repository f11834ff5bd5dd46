"""How long a server asks to wait, in the header ``Retry-After`` of HTTP."""

from __future__ import annotations

import email.utils
from datetime import UTC, datetime


def retry_after(value: str | None, date: str | None) -> float | None:
    """Seconds that a server asks to wait, as a number or as a moment.

    Args:
        value: Its ``Retry-After``.
        date: Its ``Date``: a moment of its clock is taken against that clock, as ours may be
            hours from it. Ours is only asked where it does not say.

    Returns:
        None where it asks for none, or in no way that can be read.
    """
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    moment = _moment(value)
    if moment is None:
        return None
    now = _moment(date) if date else None
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def _moment(value: str) -> datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC)
