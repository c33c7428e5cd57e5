/**
 * Captions within a picture, as broadcasts have them: CEA-608 in messages of H.264 (ATSC A/53, part 4). No
 * encoder at hand writes them, so they are put into an encoded stream here.
 */

type Pair = [number, number];

const RESUME_CAPTION_LOADING: Pair = [0x14, 0x20];
const ERASE_NON_DISPLAYED_MEMORY: Pair = [0x14, 0x2e];
const ROW_15: Pair = [0x14, 0x70];
const END_OF_CAPTION: Pair = [0x14, 0x2f];
const ERASE_DISPLAYED_MEMORY: Pair = [0x14, 0x2c];

/**
 * Puts captions into H.264 without B-frames, of one slice for each frame. An empty text clears the screen;
 * until then, players don't know how long a caption is shown.
 */
export function withCaptions(h264: Buffer, shown: [frame: number, text: string][]): Buffer {
  const pairs = new Map<number, Pair>();
  for (const [from, text] of shown) {
    commands(text).forEach((pair, index) => pairs.set(from + index, pair));
  }
  const parts: Buffer[] = [];
  let frame = 0;
  for (const unit of units(h264)) {
    if ([1, 5].includes(unit[0]! & 31)) parts.push(START, message(pairs.get(frame++) ?? [0, 0]));
    parts.push(START, unit);
  }
  return Buffer.concat(parts);
}

const START = Buffer.from([0, 0, 0, 1]);

/** Two bytes with each frame; commands are sent twice. */
function commands(text: string): Pair[] {
  const twice = (pair: Pair) => [pair, pair];
  if (!text) return twice(ERASE_DISPLAYED_MEMORY);
  const letters: Pair[] = [];
  for (let at = 0; at < text.length; at += 2) {
    letters.push([text.charCodeAt(at), text.charCodeAt(at + 1) || 0]);
  }
  const before = [RESUME_CAPTION_LOADING, ERASE_NON_DISPLAYED_MEMORY, ROW_15];
  return [...before.flatMap(twice), ...letters, ...twice(END_OF_CAPTION)];
}

function message([first, second]: Pair): Buffer {
  const identifier = Buffer.from('GA94');
  const pair = [0xfc, odd(first), odd(second), 0xff];
  const data = Buffer.from([0xb5, 0, 0x31, ...identifier, 3, 0xc1, 0xff, ...pair]);
  return Buffer.from([6, 4, data.length, ...data, 0x80]);
}

/** With a parity bit. */
const odd = (byte: number): number => {
  const ones = byte.toString(2).replaceAll('0', '').length;
  return ones % 2 === 0 ? byte | 0x80 : byte;
};

function* units(h264: Buffer): Generator<Buffer> {
  const code = Buffer.from([0, 0, 1]);
  let from = h264.indexOf(code);
  while (from >= 0) {
    const next = h264.indexOf(code, from + 3);
    let end = next < 0 ? h264.length : next;
    if (next >= 0 && h264[end - 1] === 0) end -= 1;
    yield h264.subarray(from + 3, end);
    from = next;
  }
}
