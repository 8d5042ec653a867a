"""The health check of the container: ends with 0 if the server is ready."""

import http.client
import os
import ssl
import sys
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

HERE = "127.0.0.1"
PATH = "/api/v1/health/ready"


def headers() -> dict[str, str]:
    """The headers by which the server recognises a request of this machine."""
    public_url = os.environ.get("IKU_PUBLIC_URL", "")
    found = {"Host": urlsplit(public_url).netloc or HERE}
    proxies = os.environ.get("IKU_TRUSTED_PROXY", "").replace(",", " ").split()
    if any(ip_address(HERE) in ip_network(proxy) for proxy in proxies):
        scheme = urlsplit(public_url).scheme
        found |= {"X-Forwarded-For": HERE, "X-Forwarded-Proto": scheme}
    return found


def main() -> int:
    """The exit code."""
    port = int(os.environ.get("IKU_PORT", "8000"))
    link: http.client.HTTPConnection
    if "IKU_TLS_CERT" in os.environ:
        # Its name is not that of this connection, which does not leave the machine.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        link = http.client.HTTPSConnection(HERE, port, timeout=4, context=context)
    else:
        link = http.client.HTTPConnection(HERE, port, timeout=4)
    link.request("GET", PATH, headers=headers())
    return 0 if link.getresponse().status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
