# Two images, both of nothing but what they need to run:
#
#   docker build --target operator -t tuning-operator/operator:0.1.0 .
#   docker build --target trainer  -t tuning-operator/trainer:0.1.0 .                     libtorch for CPUs
#   docker build --target trainer  -t tuning-operator/trainer:0.1.0-cuda --build-arg TORCH=cuda .
#
# make images does the same with what this machine has built already, and needs no base image then.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm

FROM ${RUST_IMAGE} AS operator-build
WORKDIR /src
COPY . .
RUN scripts/image-root operator /out

FROM ${RUST_IMAGE} AS trainer-build
# cpu or cuda.
ARG TORCH=cpu
RUN apt-get update && apt-get install --yes --no-install-recommends python3 python3-pip
WORKDIR /src
COPY . .
RUN scripts/setup && scripts/image-root trainer /out "$TORCH"

FROM scratch AS operator
COPY --from=operator-build /out/ /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/tuning-operator"]
CMD ["run"]

FROM scratch AS trainer
COPY --from=trainer-build /out/ /
USER 65532:65532
ENV PATH=/bin LD_LIBRARY_PATH=/lib
EXPOSE 9090
ENTRYPOINT ["/bin/bert-trainer"]
CMD ["--help"]
