"""Write the JSON Schemas that ship, each from the types that it describes."""

from __future__ import annotations

import json
from pathlib import Path

from thermoplan.files.run.plan_schema import plan_schema
from thermoplan.protocol.complaints import protocol_schema

SCHEMAS = Path(__file__).parents[1] / "thermoplan" / "data" / "schemas"


def main() -> None:
    for name, schema in (("plan", plan_schema()), ("protocol", protocol_schema())):
        text = json.dumps(schema, indent=1, ensure_ascii=False)
        (SCHEMAS / f"{name}.schema.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
