"""/api/settings: what holds for the whole instance."""

from __future__ import annotations

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from ..runtime import runtime
from ..services import instance
from .errors import register_errors
from .requests import read_body
from .schemas import SettingsIn

settings = Blueprint("api_settings", __name__)
register_errors(settings)


@settings.get("/settings")
def read() -> ResponseReturnValue:
    return jsonify(instance.instance_fields())


@settings.route("/settings", methods=["PUT", "PATCH"])
def change() -> ResponseReturnValue:
    values = read_body(SettingsIn).model_dump(exclude_unset=True)
    instance.update_instance(runtime().ports, values, partial=request.method == "PATCH")
    return jsonify(instance.instance_fields())
