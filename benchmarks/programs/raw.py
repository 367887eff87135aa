"""The objects of a file as plain ApiObjects: the least that cdk8s asks of a program in Python."""

import json
import sys
from pathlib import Path

from cdk8s import ApiObject, ApiObjectMetadata, App, Chart, JsonPatch

charts = json.loads(Path(sys.argv[1]).read_text())
app = App(outdir=sys.argv[2])
for name, objects in charts.items():
    chart = Chart(app, name, disable_resource_name_hashes=True)
    for index, each in enumerate(objects):
        made = ApiObject(
            chart,
            str(index),
            api_version=each["apiVersion"],
            kind=each["kind"],
            metadata=ApiObjectMetadata(**each["metadata"]),
        )
        made.add_json_patch(
            *(
                JsonPatch.add(f"/{key}", value)
                for key, value in each.items()
                if key not in ("apiVersion", "kind", "metadata")
            )
        )
app.synth()
