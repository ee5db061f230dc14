# seedscope with everything that it can use. Written, but not tried: no daemon was at hand.
#   docker build -t seedscope .
#   docker run --rm -v "$PWD/results:/results" seedscope train study=digits
FROM python:3.11-slim

RUN apt-get update && apt-get install -y --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir uv
WORKDIR /opt/seedscope
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --all-extras --compile-bytecode
COPY conf conf
COPY src src
RUN uv pip install --no-deps .

ENV PATH="/opt/seedscope/.venv/bin:$PATH"
WORKDIR /results
ENTRYPOINT ["seedscope"]
CMD ["--help"]
