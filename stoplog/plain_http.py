"""What a client of this machine's own services verifies by: nothing, for they speak no TLS.

httpx loads every certificate of the machine for each client, which takes longer than what is asked for.
"""

import ssl

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: an address that begins with https is refused."""
