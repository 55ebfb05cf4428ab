"""One Python client, driven by lines: {"do": "tools"} or {"do": "call", "name": …, "arguments": …}; each is answered by one line."""

import asyncio
import json
import sys
from contextlib import AsyncExitStack


async def open_mcp1(stack, url, headers):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    read, write, _ = await stack.enter_async_context(streamablehttp_client(url, headers=headers))
    session = await stack.enter_async_context(ClientSession(read, write))
    greeted = await session.initialize()
    return session, greeted.protocolVersion


async def open_mcp2(stack, url, headers):
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(30, read=300)))
    client = await stack.enter_async_context(Client(streamable_http_client(url, http_client=http)))
    return client, getattr(client, "protocol_version", None)


async def open_fastmcp(stack, url, headers):
    from fastmcp import Client
    from fastmcp.client.transports import StreamableHttpTransport

    client = await stack.enter_async_context(Client(StreamableHttpTransport(url, headers=headers)))
    return client, None


OPEN = {"mcp1": open_mcp1, "mcp2": open_mcp2, "fastmcp": open_fastmcp}


def text_of(result):
    return "\n".join(getattr(block, "text", "") for block in result.content)


async def answer(kind, client, order):
    if order["do"] == "tools":
        listed = await client.list_tools()
        return {"tools": [tool.name for tool in getattr(listed, "tools", listed)]}
    options = {"raise_on_error": False} if kind == "fastmcp" else {}
    try:
        result = await client.call_tool(order["name"], order["arguments"], **options)
    except Exception as error:  # what the program behind the client is told
        return {"text": str(error), "isError": True}
    is_error = getattr(result, "isError", None) or getattr(result, "is_error", None)
    return {"text": text_of(result), "isError": bool(is_error)}


async def main():
    kind, url, token = sys.argv[1:4]
    async with AsyncExitStack() as stack:
        client, revision = await OPEN[kind](stack, url, {"authorization": f"Bearer {token}"})
        print(json.dumps({"revision": revision}), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await answer(kind, client, json.loads(line))), flush=True)


asyncio.run(main())
