"""Engine pods as a platform team wants them, a sidecar, a volume, and a patch."""

from cdk8s_inference import (
    App,
    DeviceRequest,
    Engine,
    JsonPatch,
    ModelDeployment,
    Platform,
    PodSettings,
)

platform = Platform(
    pods=PodSettings(
        requests={"cpu": 8, "memory": "64Gi"},
        priority_class_name="models",
        tolerations=[{"key": "dedicated", "operator": "Exists"}],
    )
)

app = App()
deployment = ModelDeployment(
    app,
    "qwen3-8b",
    name="qwen3-8b",
    namespace="ml-team",
    engines=[
        Engine.standalone(
            "qwen",
            image="vllm/vllm-openai:v0.32.0",
            args=["--model=Qwen/Qwen3-8B", "--chat-template=/etc/chat/template.jinja"],
            devices=[DeviceRequest.of("gpu", 'device.driver == "gpu.nvidia.com"')],
            pods=PodSettings(
                volumes=[{"name": "chat", "configMap": {"name": "chat-template"}}],
                volume_mounts=[{"name": "chat", "mountPath": "/etc/chat", "readOnly": True}],
            ),
        )
    ],
    platform=platform,
)

# A native sidecar: it starts before the engine, and stops after it.
engine = deployment.replicas[0].engines["qwen"]
engine.add_sidecar(
    {
        "name": "log-shipper",
        "image": "docker.io/fluent/fluent-bit:4.0.3",
        "volumeMounts": [{"name": "logs", "mountPath": "/var/log/engine"}],
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
    }
)
engine.add_volume({"name": "logs", "emptyDir": {}})

# The workload around the pods: what has no argument there is patched, last.
engine.workload.add_json_patch(
    JsonPatch.add("/metadata/annotations", {"reloader.stakater.com/auto": "true"})
)
app.synth()
