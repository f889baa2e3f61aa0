# totc in a container: on the CPU, or with --build-arg DEVICE=cuda on an NVIDIA GPU.
#
#     docker build -t totc .
#     docker run --rm -v "$PWD:/work" totc run run.ron
#
# Run files, models and runs lie in the folder that is mounted at /work; shipped models are in the binary.
FROM rust:1.95-bookworm AS build
ARG DEVICE=cpu
RUN apt-get update && apt-get install -y --no-install-recommends python3 python3-pip && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/totc
COPY . .
RUN ./x setup --device "$DEVICE" && cargo build --release

# The binary finds libtorch where it was built.
FROM debian:12-slim
RUN apt-get update && apt-get install -y --no-install-recommends libstdc++6 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/totc/.libtorch /opt/totc/.libtorch
COPY --from=build /opt/totc/target/release/totc /usr/local/bin/totc
COPY --from=build /opt/totc/examples /opt/totc/examples
COPY --from=build /opt/totc/models /opt/totc/models
WORKDIR /work
ENTRYPOINT ["totc"]
