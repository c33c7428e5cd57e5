import { expect, type Page } from '@playwright/test';
import { readFileSync } from 'node:fs';

import { withCaptions } from './closed-captions.js';
import { elsewhere, LIBRARIES, type Libraries } from './elsewhere.js';
import { test } from './page.js';
import { clip, encoded, picture, settled, stack, tone, upload, video } from './stack.js';

// Subtitles that are in a video's file, and captions that are in its picture, in players that others
// have made.

const bytes = (text: string) => new TextEncoder().encode(text);
const GERMAN = clip(
  'de.vtt',
  bytes(
    'WEBVTT\n\n00:01.000 --> 00:03.000\neins\n\n00:05.500 --> 00:08.000\nzwei\n\n00:13.000 --> 00:16.000\ndrei\n',
  ),
);
const ENGLISH = clip(
  'en.vtt',
  bytes('WEBVTT\n\n00:01.000 --> 00:03.000\none\n\n00:17.000 --> 00:18.500\nthree\n'),
);

let id = '';

test.beforeAll(async () => {
  const plain = clip(
    'plain.h264',
    `${picture('320x180', 20)} -c:v libx264 -preset ultrafast -bf 0 -g 50 -pix_fmt yuv420p -x264-params slices=1`,
  );
  const captioned = withCaptions(readFileSync(plain), [
    [25, 'FIRST'],
    [4 * 25, ''],
    [12 * 25, 'SECOND'],
    [15 * 25, ''],
  ]);
  const source = clip(
    'texts.mp4',
    `-r 25 -i ${clip('captioned.h264', captioned)} -i ${GERMAN} -i ${ENGLISH} ${tone(20)} ` +
      `-map 0 -map 1 -map 2 -map 3 ${encoded} -c:v copy -c:s mov_text ` +
      '-metadata:s:s:0 language=ger -metadata:s:s:1 language=eng -metadata:s:a:0 language=eng',
  );
  id = await upload(source, 'With texts');
  expect((await settled(id)).status).toBe('ready');
  await expect
    .poll(async () => (await video(id)).tracks.map(({ status }) => status), { timeout: 120_000 })
    .toEqual(['ready', 'ready']);
});

interface Shown {
  text: string;
  start: number;
  end: number;
  time: number;
}

/** Plays from there, or on, until a text is shown; more than once, if the text has to be loaded first. */
const shown = (page: Page, from: number | null, text: string): Promise<Shown> =>
  page.evaluate(
    async ({ from, text }) => {
      const video = document.querySelector('video')!;
      const until = performance.now() + 40_000;
      video.muted = true;
      if (from !== null) video.currentTime = from;
      await video.play();
      for (;;) {
        for (const track of video.textTracks) {
          if (track.mode !== 'showing') continue;
          for (const cue of track.activeCues ?? []) {
            const own = (cue as VTTCue).text;
            if (own.includes(text)) {
              const { startTime: start, endTime: end } = cue;
              return { text: own, start, end, time: video.currentTime };
            }
          }
        }
        if (performance.now() > until) throw new Error(`${text} was not shown`);
        if (from !== null && video.currentTime > from + 4) video.currentTime = from;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    { from, text },
  );

const choose = (page: Page, language: string): Promise<void> =>
  page.evaluate(async (language) => {
    const libraries = window as unknown as Libraries;
    const video = document.querySelector('video')!;
    while (video.readyState < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    libraries.choose(language);
  }, language);

for (const [library, manifest] of [
  ['hls.js', 'master.m3u8'],
  ['Shaka', 'master.m3u8'],
  ['Shaka', 'manifest.mpd'],
] as const) {
  test(`${library} shows the subtitles of ${manifest}, and those of another language`, async ({
    page,
  }) => {
    const { script, load } = LIBRARIES[library];
    await elsewhere(page, script);
    await page.evaluate<void, string>(load, `${stack.cdn_url}/videos/${id}/${manifest}`);
    await choose(page, 'de');
    const near = (cue: Shown, start: number, end: number) => {
      expect(Math.abs(cue.start - start), JSON.stringify(cue)).toBeLessThan(0.1);
      expect(Math.abs(cue.end - end), JSON.stringify(cue)).toBeLessThan(0.1);
      expect(cue.time).toBeGreaterThanOrEqual(start - 0.1);
    };
    near(await shown(page, 0.5, 'eins'), 1, 3);
    // Over the joint of two segments, then after a seek.
    near(await shown(page, 4.5, 'zwei'), 5.5, 8);
    near(await shown(page, 12.5, 'drei'), 13, 16);
    // Another language, while it plays on.
    await choose(page, 'en');
    near(await shown(page, null, 'three'), 17, 18.5);
  });

  test(`${library} shows the captions within the picture, by ${manifest}`, async ({ page }) => {
    const { script, load } = LIBRARIES[library];
    await elsewhere(page, script);
    await page.evaluate<void, string>(load, `${stack.cdn_url}/videos/${id}/${manifest}`);
    await page.evaluate(async (library) => {
      const video = document.querySelector('video')!;
      const pause = () => new Promise((resolve) => setTimeout(resolve, 50));
      while (video.readyState < 2) await pause();
      const libraries = window as unknown as Libraries;
      if (library === 'Shaka') {
        libraries.chooseCaptions!();
        return;
      }
      video.muted = true;
      await video.play();
      for (;;) {
        const captions = [...video.textTracks].find(({ kind }) => kind === 'captions');
        if (captions) {
          captions.mode = 'showing';
          return;
        }
        await pause();
      }
    }, library);
    const first = await shown(page, 0.5, 'FIRST');
    expect(first.start).toBeGreaterThan(0.9);
    expect(first.start).toBeLessThan(2);
    expect((await shown(page, 11, 'SECOND')).start).toBeGreaterThan(11.9);
  });
}
