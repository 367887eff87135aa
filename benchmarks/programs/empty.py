"""An App with one empty Chart, by stock cdk8s: what every program in Python must wait for."""

import sys

from cdk8s import App, Chart

app = App(outdir=sys.argv[1])
Chart(app, "empty")
app.synth()
