"""Inputs, outputs and parameters of the model as MLflow serves it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
from mlflow.types.schema import AnyType, Array, Object, Property

RATING = Object([Property("what", "string"), Property("points", "double")])
WATCH = Object([Property("what", "string"), Property("share", "double")])


def signature(folder: Path) -> ModelSignature:
    """Return the signature of the model in a folder.

    Ids that are asked about have any type: MLflow would make 15 of 15.5 where a whole number is
    declared. The model checks them itself.
    """
    ids = pq.read_schema(folder / "titles.parquet").field("item_id").type
    title = "long" if pa.types.is_integer(ids) else "string"
    return ModelSignature(
        inputs=Schema([
            ColSpec(AnyType(), "user_id", required=False),
            ColSpec(Array(AnyType()), "ratings", required=False),
            ColSpec(AnyType(), "anime_id", required=False),
            ColSpec(AnyType(), "with_user_id", required=False),
            ColSpec(Array(AnyType()), "with_ratings", required=False),
        ]),
        outputs=Schema([
            ColSpec("double", "prediction"),
            ColSpec("long", "row", required=False),
            ColSpec("long", "rank", required=False),
            ColSpec(title, "anime_id", required=False),
            ColSpec("string", "title", required=False),
            ColSpec("double", "low", required=False),
            ColSpec("double", "high", required=False),
            ColSpec("double", "liked", required=False),
            ColSpec("double", "watch", required=False),
            ColSpec(Array("double"), "grades", required=False),
            ColSpec("boolean", "planned", required=False),
            ColSpec(Array(RATING), "why", required=False),
            ColSpec(Array(WATCH), "why_watch", required=False),
            ColSpec(AnyType(), "other", required=False),
            ColSpec(AnyType(), "report", required=False),
        ]),
        params=ParamSchema([
            ParamSpec("k", "long", 20),
            ParamSpec("order", "string", "best"),
            ParamSpec("niche", "double", 0.0),
            ParamSpec("diversity", "double", 0.0),
            ParamSpec("genres", "string", [], (-1,)),
            ParamSpec("without", "string", [], (-1,)),
            ParamSpec("types", "string", [], (-1,)),
            ParamSpec("from_year", "long", 0),  # MLflow params cannot be None: 0 is any year
            ParamSpec("to_year", "long", 0),
            ParamSpec("min_raters", "long", 0),
            ParamSpec("sequels", "boolean", True),
            ParamSpec("dropped_sequels", "boolean", False),
            ParamSpec("next_in_series", "boolean", False),
            ParamSpec("one_per_franchise", "boolean", False),
            ParamSpec("planned", "string", "hide"),
            ParamSpec("report", "boolean", False),  # say what was understood of the lists?
            ParamSpec("ignore", "string", [], (-1,)),
            ParamSpec("ignore_below", "double", -1e9),  # no rating is lower: nothing is ignored
        ]),
    )  # fmt: skip
