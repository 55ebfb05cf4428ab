"""A Python client that is given the address of a server alone. It prints the address its person is sent to, reads the one they come back to, lists, and lists again when it is told."""

import asyncio
import json
import sys
from urllib.parse import parse_qs, urlparse

from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientMetadata

REDIRECT = "http://127.0.0.1:33418/callback"


class Storage:
    def __init__(self):
        self.tokens = None
        self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


async def send(url):
    print(json.dumps({"authorize": url}), flush=True)


async def come_back():
    line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    query = {name: values[0] for name, values in parse_qs(urlparse(line.strip()).query).items()}
    try:
        from mcp.client.auth import AuthorizationCodeResult

        return AuthorizationCodeResult(code=query["code"], state=query.get("state"), iss=query.get("iss"))
    except ImportError:
        return query["code"], query.get("state")


async def list_whenever_told(list_tools):
    while True:
        listed = await list_tools()
        print(json.dumps({"tools": [tool.name for tool in getattr(listed, "tools", listed)]}), flush=True)
        if not await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
            return


async def main(kind, url):
    if kind == "fastmcp":
        # It opens a browser and listens by itself.
        from fastmcp import Client

        async with Client(url, auth="oauth") as client:
            return await list_whenever_told(client.list_tools)
    metadata = OAuthClientMetadata(client_name="Python", redirect_uris=[REDIRECT], grant_types=["authorization_code", "refresh_token"], response_types=["code"])
    auth = OAuthClientProvider(server_url=url, client_metadata=metadata, storage=Storage(), redirect_handler=send, callback_handler=come_back)
    if kind == "mcp1":
        from mcp import ClientSession
        from mcp.client.streamable_http import streamablehttp_client

        async with streamablehttp_client(url, auth=auth) as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            await list_whenever_told(session.list_tools)
    else:
        import httpx2
        from mcp import Client
        from mcp.client.streamable_http import streamable_http_client

        async with httpx2.AsyncClient(auth=auth) as http, Client(streamable_http_client(url, http_client=http)) as client:
            await list_whenever_told(client.list_tools)


asyncio.run(main(*sys.argv[1:]))
