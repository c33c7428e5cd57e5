"""`POST /uploads` in Python: what functions/presign does, to be compared with it."""

import base64
import hashlib
import hmac
import json
import logging
import os
import secrets
import time
import uuid
from datetime import datetime, timezone

import boto3
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError

TABLE = os.environ["VIDEOS_TABLE"]
BUCKET = os.environ["UPLOADS_BUCKET"]
API_URL = os.environ["API_URL"].rstrip("/")
TOKEN_HASHES = [entry.strip() for entry in os.environ["API_TOKEN_HASHES"].split(",")]
MAX_BYTES = int(os.environ["MAX_UPLOAD_BYTES"])
MULTIPART_FROM = int(os.environ["MULTIPART_FROM_BYTES"])
URL_EXPIRY_SECONDS = int(os.environ["URL_EXPIRY_SECONDS"])
UPLOAD_EXPIRY_SECONDS = int(os.environ["UPLOAD_EXPIRY_SECONDS"])
FORGET_AFTER_SECONDS = 24 * 60 * 60
MIB = 1 << 20
# Extension, then the types that browsers and tools send for it; the first one is named in messages.
TYPES = {
    "mp4": ["video/mp4", "application/mp4"],
    "m4v": ["video/x-m4v", "video/mp4", "video/m4v"],
    "mov": ["video/quicktime"],
    "mkv": ["video/x-matroska", "video/matroska", "application/x-matroska"],
    "webm": ["video/webm"],
    "avi": ["video/x-msvideo", "video/avi", "video/msvideo", "video/vnd.avi"],
    "wmv": ["video/x-ms-wmv", "video/x-ms-asf"],
    "flv": ["video/x-flv", "video/flv"],
    "mpg": ["video/mpeg"],
    "mpeg": ["video/mpeg"],
    "ts": ["video/mp2t", "video/vnd.dlna.mpeg-tts"],
    "m2ts": ["video/mp2t", "video/vnd.dlna.mpeg-tts"],
    "3gp": ["video/3gpp", "audio/3gpp"],
    "ogv": ["video/ogg", "application/ogg"],
}

logger = logging.getLogger()
logger.setLevel(logging.INFO)
# Made once for the life of the process.
dynamodb = boto3.client("dynamodb")
s3 = boto3.client(
    "s3", config=Config(signature_version="s3v4", s3={"addressing_style": "path"})
)
serialize = TypeSerializer().serialize
month_is_noted = False


class Refused(Exception):
    def __init__(self, status, kind, title, detail, field=None):
        super().__init__(detail)
        self.status = status
        self.problem = {"type": kind, "title": title, "status": status, "detail": detail}
        if field:
            self.problem["field"] = field


def handler(event, context):
    try:
        authorize(event["headers"].get("authorization", ""))
        return create_upload(validated(body_of(event)))
    except Refused as why:
        problem = {**why.problem, "request_id": event["requestContext"]["requestId"]}
        return answer(why.status, problem, {"content-type": "application/problem+json"})


def create_upload(request):
    video_id = str(uuid7())
    token = secrets.token_hex(32)
    now = time.time()
    month = datetime.fromtimestamp(now, timezone.utc).strftime("%Y-%m")
    note_month(month)
    record = {
        "id": video_id,
        "month": month,
        "status": "waiting",
        **request,
        "progress": 0,
        "has_poster": False,
        "has_storyboard": False,
        "generation": 1,
        "attempts": 0,
        "lease_until": 0,
        "parts_counted": 0,
        "upload_token_hash": hashlib.sha256(token.encode()).hexdigest(),
        "upload_until": int(now) + UPLOAD_EXPIRY_SECONDS,
        "expires_at": int(now) + UPLOAD_EXPIRY_SECONDS + FORGET_AFTER_SECONDS,
    }
    dynamodb.put_item(
        TableName=TABLE,
        Item={name: serialize(value) for name, value in record.items()},
        ConditionExpression="attribute_not_exists(id)",
    )
    logger.info("upload permitted", extra={"video.id": video_id})
    video_url = f"{API_URL}/videos/{video_id}"
    body = {
        "video_id": video_id,
        "video_url": video_url,
        "upload_token": token,
        "upload": instructions(video_id, request, now),
    }
    return answer(201, body, {"content-type": "application/json", "location": video_url})


def instructions(video_id, request, now):
    """How to send the source: in parts, or with one signed PUT."""
    key = f"uploads/{video_id}/source"
    sign_url = f"{API_URL}/uploads/{video_id}/sign"
    size = request["size_bytes"]
    if size >= MULTIPART_FROM:
        part = max(-(-size // 10_000), min(-(-size // 1000), 256 * MIB))
        return {
            "strategy": "multipart",
            "key": key,
            "part_size_bytes": max(-(-part // MIB) * MIB, 16 * MIB),
            "sign_url": sign_url,
            "expires_at": rfc3339(now + UPLOAD_EXPIRY_SECONDS),
        }
    url = s3.generate_presigned_url(
        "put_object",
        Params={
            "Bucket": BUCKET,
            "Key": key,
            "ContentType": request["content_type"],
            "ContentLength": size,
            "IfNoneMatch": "*",
        },
        ExpiresIn=URL_EXPIRY_SECONDS,
    )
    return {
        "strategy": "single",
        "method": "PUT",
        "url": url,
        "headers": {"content-type": request["content_type"], "if-none-match": "*"},
        "expires_at": rfc3339(now + URL_EXPIRY_SECONDS),
        "key": key,
        "sign_url": sign_url,
    }


def note_month(month):
    """Notes that the library reaches back at least to this month; once in a process will do."""
    global month_is_noted
    if month_is_noted:
        return
    try:
        dynamodb.update_item(
            TableName=TABLE,
            Key={"id": {"S": "library"}},
            UpdateExpression="SET first_month = :month",
            ConditionExpression="attribute_not_exists(first_month) OR first_month > :month",
            ExpressionAttributeValues={":month": {"S": month}},
        )
    except ClientError as why:
        if why.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
    month_is_noted = True


def authorize(header):
    scheme, _, token = header.partition(" ")
    digest = hashlib.sha256(token.strip().encode()).hexdigest()
    known = [hmac.compare_digest(digest, accepted) for accepted in TOKEN_HASHES]
    if scheme.lower() != "bearer" or not any(known):
        raise Refused(
            401, "unauthorized", "A valid API token is needed", "This API token is not valid."
        )


def body_of(event):
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    try:
        return json.loads(body)
    except ValueError as why:
        raise malformed(f"The body is not valid JSON: {why}.") from why


def validated(body):
    if not isinstance(body, dict):
        raise invalid("body", "the body must be a JSON object")
    filename = body.get("filename")
    if not isinstance(filename, str) or not 1 <= len(filename.encode()) <= 255:
        raise invalid("filename", "filename must have 1 to 255 bytes")
    content_type = body.get("content_type")
    if not isinstance(content_type, str) or not content_type.isascii():
        raise invalid("content_type", "content_type must be printable ASCII")
    check_type(filename, content_type)
    size = body.get("size_bytes")
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise invalid("size_bytes", "size_bytes must be the file's exact size in bytes")
    if size > MAX_BYTES:
        detail = f"the file has {size} bytes; at most {MAX_BYTES} are accepted"
        raise Refused(413, "upload-too-large", "The file is too large", detail, "size_bytes")
    request = {"filename": filename, "content_type": content_type, "size_bytes": size}
    title = body.get("title")
    if title is not None:
        if not isinstance(title, str) or len(title) > 200:
            raise invalid("title", "title may have up to 200 characters")
        request["title"] = title
    metadata = body.get("metadata") or {}
    if not isinstance(metadata, dict) or len(metadata) > 50:
        raise invalid("metadata", "metadata must be an object of up to 50 strings")
    for key, value in metadata.items():
        if len(key) > 40 or not isinstance(value, str) or len(value) > 500:
            raise invalid("metadata", "metadata has an entry that is too long or no string")
    if metadata:
        request["metadata"] = metadata
    return request


def check_type(filename, content_type):
    extension = filename.rpartition(".")[2].lower()
    declared = content_type.partition(";")[0].strip().lower()
    accepted = TYPES.get(extension)
    if accepted is None:
        field, detail = "filename", f"files ending in .{extension} are not accepted"
    elif declared not in accepted and declared != "application/octet-stream":
        field, detail = "content_type", f"send {accepted[0]} for a .{extension} file"
    else:
        return
    raise Refused(
        415, "type-not-allowed", "Files of this type are not accepted", detail, field
    )


def invalid(field, detail):
    return Refused(422, "invalid-field", "A field is not valid", detail, field)


def malformed(detail):
    return Refused(400, "malformed-request", "The request can't be understood", detail)


def uuid7():
    """A version 7 UUID; the standard library has one from Python 3.14 on."""
    millis = time.time_ns() // 1_000_000
    value = millis << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value)


def rfc3339(at):
    instant = datetime.fromtimestamp(at, timezone.utc)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def answer(status, body, headers):
    headers = {
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
        **headers,
    }
    text = json.dumps(body, separators=(",", ":"))
    return {"statusCode": status, "headers": headers, "body": text}
