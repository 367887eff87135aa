# check and verify, without what composes: docker build -t cdk8s-inference . && docker run -v "$PWD:/work" cdk8s-inference check .
FROM python:3.13-slim AS build
COPY . /source
RUN python -m venv --without-pip /opt/cdk8s-inference \
    && pip --python /opt/cdk8s-inference/bin/python install --no-cache-dir '/source[cel,cluster]'

FROM python:3.13-slim
COPY --from=build /opt/cdk8s-inference /opt/cdk8s-inference
USER 65534:65534
WORKDIR /work
ENTRYPOINT ["/opt/cdk8s-inference/bin/cdk8s-inference"]
