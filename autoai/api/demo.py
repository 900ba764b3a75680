"""A tiny OpenAI-compatible endpoint that repeats what it is told: the first start's other side.

There only while DEMO is on. It costs nothing, needs no key, and answers at once.
"""

from __future__ import annotations

import json
import secrets
import time
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from ..domain.endpoints import ECHO_PATH

demo = Blueprint("demo", __name__, url_prefix=ECHO_PATH)


@demo.post("/chat/completions")
def completions() -> ResponseReturnValue:
    try:
        body: Any = json.loads(request.get_data(cache=False))
        messages = [str(message["content"]) for message in body["messages"]]
        last = messages[-1]
    except (ValueError, TypeError, LookupError, RecursionError):
        error = {"message": "send JSON with messages, as Chat Completions has them"}
        return jsonify(error=error), 400
    answer = f"This is AutoAI's built-in echo, not a language model. You said: {last}"
    asked, answered = sum(len(text.split()) for text in messages), len(answer.split())
    return jsonify(
        id=f"chatcmpl-{secrets.token_hex(8)}",
        object="chat.completion",
        created=int(time.time()),
        model="echo",
        choices=[
            {
                "index": 0,
                "message": {"role": "assistant", "content": answer},
                "finish_reason": "stop",
            }
        ],
        usage={
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
        },
    )


@demo.get("/models")
def models() -> ResponseReturnValue:
    return jsonify(object="list", data=[{"id": "echo", "object": "model", "owned_by": "autoai"}])
