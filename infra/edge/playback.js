// The gate to private videos, run by CloudFront before its cache for every request to /s/*:
//
//   /s/{token}/{video id}/{file}    becomes    /private/{video id}/{file}
//   /s/{token}/{video id}/original  becomes    /private/{video id}/source (another origin, by its own behaviour)
//   /s/{token}/{video id}/key       becomes    /videos/{video id}/key, with the token for a bearer (the API, likewise)
//
// or is refused. The token is in the path, so that whatever a playlist, manifest or WebVTT file names
// relative to itself is asked for with the same token. It is gone before the cache: all viewers share
// one copy. `reelrun_core::token` makes and reads the same tokens.
//
// The runtime (cloudfront-js-2.0) is ECMAScript 5.1 with a few things that came later: no
// destructuring, spread, classes, for-of, `?.` or `??`. It takes 10 KB of code, and of `crypto` has
// hashes and HMAC only. The store holds `key/{kid}`, what tokens are signed with, and `media-host` if
// playback has a host to itself.

import cf from 'cloudfront';
import crypto from 'crypto';

const store = cf.kvs();

const LONGEST_TOKEN = 1024;

// Names that nobody has to unescape, so that there is one way to write each path: no `%`, no dot at
// the beginning of a name, no empty one.
const PATH = /^\/s\/([A-Za-z0-9_.-]+)\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\/((?:[A-Za-z0-9_-]+\/)*)([A-Za-z0-9_-]+(?:\.[a-z0-9]+)?)$/;
const TOKEN = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{43})$/;
const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;

// All refusals are alike: they tell nobody which part of a guess was right.
const REFUSAL = {
  statusCode: 403,
  statusDescription: 'Forbidden',
  headers: {
    'access-control-allow-origin': { value: '*' },
    'cache-control': { value: 'no-store' },
    'content-type': { value: 'text/plain' },
    'x-content-type-options': { value: 'nosniff' },
  },
  body: { encoding: 'text', data: 'This address does not open the video, or does so no longer.\n' },
};

async function handler(event) {
  const request = event.request;
  const path = PATH.exec(request.uri);
  if (!path || !(await isItsHost(request))) {
    return REFUSAL;
  }
  const claims = await claimsOf(path[1]);
  const audience = audienceOf(path[3], path[4]);
  if (!claims || claims.aud !== audience || claims.sub !== path[2] || !isNow(claims)) {
    return REFUSAL;
  }
  if (/\.(m3u8|mpd)$/.test(path[4]) && !isReferred(claims.ref, request.headers.referer)) {
    return REFUSAL;
  }
  if (path[4] === 'key') {
    request.uri = '/videos/' + path[2] + '/key';
    request.headers.authorization = { value: 'Bearer ' + path[1] };
    return request;
  }
  request.uri = '/private/' + path[2] + '/' + (audience === 'original' ? 'source' : path[3] + path[4]);
  return request;
}

// Whom a token must be for to open a file. No published file is called `source`, `original` or `key`:
// what is, is asked of another origin.
function audienceOf(folder, name) {
  if (name === 'source' || name === 'original' || name === 'key') {
    return name === 'source' || folder !== '' ? null : name === 'key' ? 'play' : 'original';
  }
  return 'play';
}

// What a token says, if one of our keys has signed it.
async function claimsOf(token) {
  const parts = token.length <= LONGEST_TOKEN ? TOKEN.exec(token) : null;
  const header = parts && json(parts[1]);
  if (!header || header.alg !== 'HS256' || 'crit' in header || !isText(header.kid) || !KEY_ID.test(header.kid)) {
    return null;
  }
  const key = await stored('key/' + header.kid);
  if (!key) {
    return null;
  }
  const signature = crypto.createHmac('sha256', key).update(parts[1] + '.' + parts[2]).digest('base64url');
  return isSame(signature, parts[3]) ? json(parts[2]) : null;
}

function isNow(claims) {
  const now = Date.now() / 1000;
  const from = claims.nbf === undefined || claims.nbf === null ? 0 : claims.nbf;
  return Number.isInteger(claims.exp) && claims.exp > now && Number.isInteger(from) && from <= now;
}

// Whether a page of one of these domains, or of a part of one, asks. Only of playlists: segments are
// found through them, and some players name no page for those.
function isReferred(domains, referer) {
  if (domains === undefined || domains === null) {
    return true;
  }
  const page = referer && /^https?:\/\/([^\/?#@:]+)(?::[0-9]+)?(?:[\/?#]|$)/i.exec(referer.value);
  if (!page || !Array.isArray(domains)) {
    return false;
  }
  const host = '.' + page[1].toLowerCase();
  return domains.some(function (domain) {
    const end = '.' + domain;
    return isText(domain) && domain !== '' && host.slice(-end.length) === end.toLowerCase();
  });
}

async function isItsHost(request) {
  const host = await stored('media-host');
  return !host || request.headers.host.value === host;
}

// The store throws where it has no such name.
async function stored(name) {
  try {
    return await store.get(name);
  } catch (missing) {
    return null;
  }
}

// An object in JSON and base64url; null for anything else.
function json(text) {
  try {
    const value = JSON.parse(Buffer.from(text, 'base64url').toString());
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch (malformed) {
    return null;
  }
}

function isText(value) {
  return typeof value === 'string';
}

// Takes as long wherever they differ.
function isSame(one, other) {
  let difference = one.length ^ other.length;
  for (let i = 0; i < one.length; i++) {
    difference |= one.charCodeAt(i) ^ other.charCodeAt(i);
  }
  return difference === 0;
}
