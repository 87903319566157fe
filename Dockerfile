# Three images, of nothing but what they need to run:
#
#   docker build --target operator     -t tuning-operator/operator:0.1.0 .
#   docker build --target trainer      -t tuning-operator/trainer:0.1.0 .          for CPUs
#   docker build --target trainer-cuda -t tuning-operator/trainer-cuda:0.1.0 .     the same program, with the CUDA libraries
#
# make images (the first two) and make images CUDA=1 do the same with what this machine has built already, and need no base image
# then. They also say of which commit an image is, and bear its time; here that is said with
#   --label org.opencontainers.image.revision=$(git rev-parse HEAD) --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
# and where the sources are, for whoever publishes: --label org.opencontainers.image.source=https://...
ARG VERSION=0.1.0
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm

FROM ${RUST_IMAGE} AS operator-build
WORKDIR /src
COPY . .
# The time that files and bills of materials bear.
ARG SOURCE_DATE_EPOCH
RUN scripts/image-root operator /out

FROM ${RUST_IMAGE} AS trainer-build
RUN apt-get update && apt-get install --yes --no-install-recommends python3 python3-pip
WORKDIR /src
COPY . .
ARG SOURCE_DATE_EPOCH
RUN scripts/setup && scripts/image-root trainer /out

FROM trainer-build AS trainer-cuda-build
RUN rm -rf /out && scripts/setup --gpu && scripts/image-root trainer /out cuda

FROM scratch AS operator
COPY --from=operator-build /out/ /
ARG VERSION
LABEL org.opencontainers.image.title="tuning-operator/operator" \
    org.opencontainers.image.description="The operator that tunes hyperparameters on Kubernetes" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
EXPOSE 8080 8443
ENTRYPOINT ["/tuning-operator"]
CMD ["run"]

FROM scratch AS trainer
COPY --from=trainer-build /out/ /
ARG VERSION
LABEL org.opencontainers.image.title="tuning-operator/trainer" \
    org.opencontainers.image.description="One trial: BERT fine-tuning on libtorch, on CPUs" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.licenses="Apache-2.0 AND BSD-3-Clause AND LicenseRef-NVIDIA-Proprietary"
USER 65532:65532
# Behind the image's own libraries the folders into which a driver's are mounted: by cloud providers' device plugins, and by
# NVIDIA's container toolkit and CDI on nodes of Debian's kind and of Red Hat's. (There is no ld.so.conf here that named them.)
ENV PATH=/bin LD_LIBRARY_PATH=/lib:/usr/local/nvidia/lib64:/usr/lib/x86_64-linux-gnu:/usr/lib64
EXPOSE 9090
ENTRYPOINT ["/bin/bert-trainer"]
CMD ["--help"]

FROM scratch AS trainer-cuda
COPY --from=trainer-cuda-build /out/ /
ARG VERSION
LABEL org.opencontainers.image.title="tuning-operator/trainer-cuda" \
    org.opencontainers.image.description="One trial: BERT fine-tuning on libtorch, on NVIDIA GPUs" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.licenses="Apache-2.0 AND BSD-3-Clause AND LicenseRef-NVIDIA-Proprietary"
USER 65532:65532
# What of the driver the toolkit mounts. Which GPUs is not the image's to say: NVIDIA_VISIBLE_DEVICES comes from the device plugin.
ENV PATH=/bin LD_LIBRARY_PATH=/lib:/usr/local/nvidia/lib64:/usr/lib/x86_64-linux-gnu:/usr/lib64 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
EXPOSE 9090
ENTRYPOINT ["/bin/bert-trainer"]
CMD ["--help"]
