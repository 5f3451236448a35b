# One image for every process of GroundCT: migrations, the API, Dask's scheduler and workers, the command line.
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
# What changes seldom comes first: the pinned dependencies, then the project's own packages.
COPY constraints.txt pyproject.toml ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > dependencies.txt \
    && pip install --constraint constraints.txt hatchling \
    && python -m venv /opt/groundct \
    && /opt/groundct/bin/pip install --constraint constraints.txt --requirement dependencies.txt
COPY LICENSE README.md ./
COPY schema schema
COPY compute compute
COPY ingest ingest
COPY api api
COPY cli cli
COPY migrations migrations
RUN pip wheel --no-deps --no-build-isolation --wheel-dir wheel . \
    && /opt/groundct/bin/pip install --no-deps wheel/*.whl \
    && /opt/groundct/bin/python -m compileall -q /opt/groundct/lib

FROM python:${PYTHON}-slim
COPY --from=build /opt/groundct /opt/groundct
# Any user of group 0 may run it: what is written lies in these folders, in /tmp, or in PostgreSQL.
RUN mkdir -p /var/lib/groundct/arrays/volumes /var/lib/groundct/arrays/labels /var/lib/groundct/arrays/hidden \
      /var/lib/groundct/arrays/scratch \
    && chmod -R g=rwX,o= /var/lib/groundct
ENV PATH=/opt/groundct/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    NUMBA_CACHE_DIR=/tmp/numba \
    GROUNDCT_HOME=/var/lib/groundct \
    GROUNDCT_ARRAYS=/var/lib/groundct/arrays
WORKDIR /var/lib/groundct
USER 10001:0
CMD ["groundct", "--help"]
