"""`GET /videos/{id}` in Python: what functions/lookup does, to be compared with it."""

import json
import logging
import os
import re
import time
from datetime import datetime, timezone
from decimal import Decimal

import boto3
from boto3.dynamodb.types import TypeDeserializer

TABLE = os.environ["VIDEOS_TABLE"]
PUBLIC_URL = os.environ["PUBLIC_URL"].rstrip("/")
MAX_ATTEMPTS = 3
GRACE_MILLIS = 60_000
VIDEO_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
BROWSER_CONTAINERS = {"mp4", "m4v", "mov", "webm"}
BROWSER_VIDEO = {"h264", "vp8", "vp9", "av1"}
BROWSER_AUDIO = {None, "aac", "mp3", "opus", "vorbis", "flac"}

logger = logging.getLogger()
logger.setLevel(logging.INFO)
# A client is quicker than a resource, and made once for the life of the process.
dynamodb = boto3.client("dynamodb")
deserialize = TypeDeserializer().deserialize


def handler(event, context):
    video_id = event["rawPath"].rpartition("/")[2]
    if not VIDEO_ID.fullmatch(video_id):
        return not_found(video_id, event)
    found = dynamodb.get_item(
        TableName=TABLE, Key={"id": {"S": video_id}}, ConsistentRead=True
    )
    if "Item" not in found:
        return not_found(video_id, event)
    record = {name: deserialize(value) for name, value in found["Item"].items()}
    return answer(200, view(record))


def view(video):
    video_id = video["id"]
    if is_abandoned(video):
        video["status"] = "errored"
        video["error"] = {
            "type": "internal",
            "title": "Something went wrong on our side",
            "detail": f"It could not be transcoded in {MAX_ATTEMPTS} attempts.",
        }
    return {
        "id": video_id,
        "status": video["status"],
        "visibility": visibility(video),
        "pending_visibility": video.get("moving_to"),
        "encryption": encryption(video),
        "progress": progress(video),
        "title": video.get("title"),
        "filename": video["filename"],
        "metadata": video.get("metadata", {}),
        "created_at": created_at(video_id),
        "ready_at": video.get("ready_at"),
        "source": with_rate(video.get("source")),
        "renditions": [with_rate(rendition) for rendition in video.get("renditions", [])],
        "playback": playback(video),
        "error": video.get("error"),
    }


def encryption(video):
    return "aes-128" if video.get("segment_key") else None


def playback(video):
    media = f"{PUBLIC_URL}/videos/{video['id']}"
    ready = video["status"] == "ready"
    arrived = ready or video["status"] == "preparing"
    original = None
    if arrived and original_plays_in_browsers(video):
        original = f"{PUBLIC_URL}/uploads/{video['id']}/source"
    hls = f"{media}/master.m3u8" if ready else None
    return {
        "type": "hls" if hls else "original" if original else None,
        "url": hls or original,
        "hls": hls,
        "dash": f"{media}/manifest.mpd" if ready and not encryption(video) else None,
        "original": original,
        "poster": f"{media}/poster.jpg" if ready and video.get("has_poster") else None,
        "storyboard": f"{media}/storyboard/storyboard.vtt" if ready and video.get("has_storyboard") else None,
    }


def original_plays_in_browsers(video):
    if video["filename"].rpartition(".")[2].lower() not in BROWSER_CONTAINERS:
        return False
    source = video.get("source")
    return source is None or (
        source["video_codec"] in BROWSER_VIDEO and source.get("audio_codec") in BROWSER_AUDIO
    )


def visibility(video):
    """The one that it is to have is told once it holds."""
    others = {"public": "private", "private": "public"}
    moving_to = video.get("moving_to")
    return others[moving_to] if moving_to else video.get("visibility", "public")


def progress(video):
    """A run's progress is that of its parts; the last hundredths are publishing."""
    counted = video.get("parts_counted", 0)
    if video["status"] == "preparing" and counted:
        return 0.98 * len(video.get("parts_done", ())) / int(counted)
    return float(video.get("progress", 0))


def is_abandoned(video):
    is_last = video.get("attempts", 0) >= MAX_ATTEMPTS or video.get("parts_counted", 0)
    return (
        video["status"] == "preparing"
        and is_last
        and video.get("lease_until", 0) + GRACE_MILLIS < time.time() * 1000
    )


def created_at(video_id):
    """The first 48 bits of a version 7 UUID are its time in milliseconds."""
    millis = int(video_id[:13].replace("-", ""), 16)
    at = datetime.fromtimestamp(millis // 1000, timezone.utc)
    # As RFC 3339 writers do, without zeros at the end.
    fraction = f".{millis % 1000:03}".rstrip("0").rstrip(".")
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def with_rate(values):
    if values is not None:
        values["frame_rate"] = float(values["frame_rate"])
    return values


def not_found(video_id, event):
    problem = {
        "type": "not-found",
        "title": "There is nothing here",
        "status": 404,
        "detail": f"There is no video with the id {video_id}.",
        "request_id": event["requestContext"]["requestId"],
    }
    return answer(404, problem, "application/problem+json")


def answer(status, body, content_type="application/json"):
    headers = {
        "content-type": content_type,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "access-control-allow-origin": "*",
    }
    text = json.dumps(body, default=number, separators=(",", ":"))
    return {"statusCode": status, "headers": headers, "body": text}


def number(value):
    """DynamoDB's numbers arrive as decimals; JSON wants an int or a float."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value))
