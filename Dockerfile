# Three images, of nothing but what they need to run:
#
#   docker build --target operator     -t tuning-operator/operator:0.1.0 .
#   docker build --target trainer      -t tuning-operator/trainer:0.1.0 .          for CPUs
#   docker build --target trainer-cuda -t tuning-operator/trainer-cuda:0.1.0 .     the same program, with the CUDA libraries
#
# make images (the first two) and make images CUDA=1 do the same with what this machine has built already, and need no base image
# then.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm

FROM ${RUST_IMAGE} AS operator-build
WORKDIR /src
COPY . .
RUN scripts/image-root operator /out

FROM ${RUST_IMAGE} AS trainer-build
RUN apt-get update && apt-get install --yes --no-install-recommends python3 python3-pip
WORKDIR /src
COPY . .
RUN scripts/setup && scripts/image-root trainer /out

FROM trainer-build AS trainer-cuda-build
RUN rm -rf /out && scripts/setup --gpu && scripts/image-root trainer /out cuda

FROM scratch AS operator
COPY --from=operator-build /out/ /
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/tuning-operator"]
CMD ["run"]

FROM scratch AS trainer
COPY --from=trainer-build /out/ /
USER 65532:65532
# Behind the image's own libraries the folders into which a driver's are mounted: by cloud providers' device plugins, and by
# NVIDIA's container toolkit and CDI on nodes of Debian's kind and of Red Hat's. (There is no ld.so.conf here that named them.)
ENV PATH=/bin LD_LIBRARY_PATH=/lib:/usr/local/nvidia/lib64:/usr/lib/x86_64-linux-gnu:/usr/lib64
EXPOSE 9090
ENTRYPOINT ["/bin/bert-trainer"]
CMD ["--help"]

FROM scratch AS trainer-cuda
COPY --from=trainer-cuda-build /out/ /
USER 65532:65532
# What of the driver the toolkit mounts. Which GPUs is not the image's to say: NVIDIA_VISIBLE_DEVICES comes from the device plugin.
ENV PATH=/bin LD_LIBRARY_PATH=/lib:/usr/local/nvidia/lib64:/usr/lib/x86_64-linux-gnu:/usr/lib64 \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
EXPOSE 9090
ENTRYPOINT ["/bin/bert-trainer"]
CMD ["--help"]
