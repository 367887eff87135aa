"""The deployments in typed Python, by this package."""

import sys

from benchmarks.deployments import HOPPER, IMAGE, MODEL, NAMESPACE, NIXL, name
from cdk8s_inference import App, DeviceRequest, Engine, ModelDeployment

mode, count, folder = sys.argv[1:]
GPU = DeviceRequest.of("gpu", HOPPER)

app = App(outdir=folder)
for index in range(int(count)):
    if mode == "Unified":
        engines = [Engine.standalone("engine", image=IMAGE, devices=[GPU], args=[MODEL])]
    else:
        engines = [
            Engine.standalone(
                "prefill",
                phase="Prefill",
                image=IMAGE,
                devices=[GPU],
                args=[MODEL, "--port=8000", NIXL],
            ),
            Engine.standalone(
                "decode",
                phase="Decode",
                image=IMAGE,
                devices=[GPU],
                args=[MODEL, "--port=8001", NIXL],
            ),
        ]
    ModelDeployment(
        app,
        name(index),
        name=name(index),
        namespace=NAMESPACE,
        serving_mode="Unified" if mode == "Unified" else "PrefillDecode",
        engines=engines,
    )
app.synth()
