"""Every document of a folder, each as a twin that needs no GPU."""

from pathlib import Path

from cdk8s_inference import App, Gateway, ModelDeployment, Platform, Simulation
from cdk8s_inference.gateways import STANDALONE

DOCUMENTS = Path(__file__).parents[1]

platform = Platform(gateway=Gateway(provider=STANDALONE), simulate=Simulation())

app = App()
for path in sorted(DOCUMENTS.glob("*.yaml")):
    ModelDeployment.from_file(app, path.stem, path, platform=platform)
app.synth()
