"""A server on this machine that behaves as S3, for tests."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import fsspec
import pytest

BUCKET = "lakes"
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "somebody",
    "AWS_SECRET_ACCESS_KEY": "something",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@contextlib.contextmanager
def s3_server() -> Iterator[str]:
    """Start a server with a bucket; give the URL of the bucket."""
    server_module = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = server_module.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {"endpoint_url": f"http://{host}:{port}"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _CREDENTIALS.items():
            patch.setenv(name, value)
        patch.setitem(fsspec.config.conf, "s3", settings)
        fsspec.filesystem("s3").makedirs(BUCKET, exist_ok=True)
        yield f"s3://{BUCKET}"
    server.stop()
