"""What tools for assistants have in common: their arguments, and how their work is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field, ValidationError

from kgplatform.errors import KGPlatformError
from kgplatform.service.config import LONGEST_NAME, MOST_RESULTS
from kgplatform.service.engine import Engine
from kgplatform.service.problems import problem_of
from kgplatform.service.work import Pool

A = TypeVar("A", bound=BaseModel)
R = TypeVar("R", bound=BaseModel)

Graph = Annotated[
    str | None, Field(description="One of the graphs that are served; the first if left out.")
]
EntityName = Annotated[
    str, Field(description="An entity's id or its exact name.", max_length=LONGEST_NAME)
]
TopK = Annotated[int, Field(description="Most results.", ge=1, le=MOST_RESULTS)]


async def called(
    engine: Engine,
    pool: Pool,
    function: Callable[[Engine, A], R],
    asked: Callable[[], A],
    seconds: float | None = None,
) -> R:
    """Do a tool's work in the pool; what is wrong is told in words that a model can act upon.

    Raises:
        ToolError: It cannot be done.
    """
    try:
        body = asked()
        allowed = engine.config.timeout if seconds is None else seconds
        return await pool.run(lambda: function(engine, body), allowed)
    except ValidationError as error:
        first = error.errors()[0]
        raise ToolError(f"{first['loc'][-1]}: {first['msg']}") from None
    except KGPlatformError as error:
        said = problem_of(error, None)
        hint = f" ({said['hint']})" if "hint" in said else ""
        raise ToolError(f"{said['detail']}{hint}") from None
