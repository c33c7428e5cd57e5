import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Locator, type Page } from '@playwright/test';
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';

import { drawing } from './drawing.js';
import { stack } from './stack.js';

/** A page whose console must stay silent; a test says what it expects to read there. */
export const test = base.extend<{ complaints: string[]; expected: RegExp[] }>({
  expected: [[], { option: true }],
  complaints: [
    async ({ page, expected }, use) => {
      const complaints: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      await use(complaints);
      const surprising = complaints.filter((text) => !expected.some((known) => known.test(text)));
      expect(surprising).toEqual([]);
    },
    { auto: true },
  ],
});

export const by = (page: Page | Locator, id: string) => page.getByTestId(id);

/** Opens the library as someone who has entered the token before. */
export async function signedIn(page: Page): Promise<void> {
  await page.goto(stack.site_url);
  await page.evaluate((token) => sessionStorage.setItem('reelrun.token', token), stack.api_token);
  await page.reload();
}

/** Drops files onto the page, as from a desktop. */
export const drop = (page: Page, ...paths: string[]): Promise<void> =>
  dropOn(page, 'body', ...paths);

/** The same, onto an element. */
export async function dropOn(page: Page, selector: string, ...paths: string[]): Promise<void> {
  // Only an input takes files from outside; a drop hands on what it got.
  const holder = await page.evaluateHandle(() => {
    const input = document.createElement('input');
    input.type = 'file';
    input.multiple = true;
    return document.body.appendChild(input);
  });
  await holder.asElement().setInputFiles(paths);
  const data = await holder.evaluateHandle((input: HTMLInputElement) => {
    const transfer = new DataTransfer();
    for (const file of input.files ?? []) transfer.items.add(file);
    input.remove();
    return transfer;
  });
  await page.dispatchEvent(selector, 'dragenter', { dataTransfer: data });
  await page.dispatchEvent(selector, 'drop', { dataTransfer: data });
}

export const row = (page: Page, path: string) =>
  by(page, 'upload-row').filter({ hasText: basename(path) });

/** The id in a link to a video. */
export async function linkedId(link: Locator): Promise<string> {
  await link.waitFor();
  const href = await link.getAttribute('href');
  return href!.split('/').pop()!;
}

export interface Playing {
  time: number;
  paused: boolean;
  type: string;
  frames: number;
  heights: number[];
}

/** What the player does. */
export function playing(page: Page): Promise<Playing> {
  return page.evaluate(() => {
    const player = document.querySelector('media-player') as unknown as {
      currentTime: number;
      paused: boolean;
      state: { source: { type: string } };
      qualities: Iterable<{ height: number }>;
    };
    const picture = document.querySelector('media-player video') as HTMLVideoElement;
    return {
      time: player.currentTime,
      paused: player.paused,
      type: player.state.source.type,
      frames: picture.getVideoPlaybackQuality().totalVideoFrames,
      heights: [...player.qualities].map((quality) => quality.height),
    };
  });
}

export async function canPlay(page: Page): Promise<void> {
  await page.waitForFunction(() => {
    const player = document.querySelector('media-player') as unknown as {
      state?: { canPlay: boolean };
    };
    return player?.state?.canPlay;
  });
}

/** Starts, mutes and seeks the player; slowly, so that it is not over before its test is. */
export function steer(page: Page, time?: number): Promise<void> {
  return page.evaluate(async (time) => {
    const player = document.querySelector('media-player') as unknown as {
      muted: boolean;
      currentTime: number;
      playbackRate: number;
      play(): Promise<void>;
    };
    player.muted = true;
    player.playbackRate = 0.25;
    if (time !== undefined) player.currentTime = time;
    await player.play();
  }, time);
}

/** Uploads at this many bytes a second from now on; -1 is as fast as can be. */
export type Throughput = (bytes: number) => Promise<void>;

/** What sets the speed of a page's uploads. */
export async function uploadThroughput(page: Page): Promise<Throughput> {
  const network = await page.context().newCDPSession(page);
  await network.send('Network.enable');
  return async (uploadThroughput) => {
    await network.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput,
    });
  };
}

/** Has the storage get what a page sends, but loses these of its answers, counted from 1. Gives the
 * statuses of all answers so far. */
export async function answersLost(
  page: Page,
  isLost: (number: number) => boolean,
): Promise<number[]> {
  const statuses: number[] = [];
  const network = await page.context().newCDPSession(page);
  network.on('Fetch.requestPaused', ({ requestId, request, responseStatusCode }) => {
    const isPut = request.method === 'PUT';
    if (isPut) statuses.push(responseStatusCode ?? 0);
    const lost = isPut && isLost(statuses.length);
    void network.send(lost ? 'Fetch.failRequest' : 'Fetch.continueRequest', {
      requestId,
      ...(lost && { errorReason: 'ConnectionReset' }),
    });
  });
  await network.send('Fetch.enable', {
    patterns: [{ urlPattern: '*X-Amz-Signature*', requestStage: 'Response' }],
  });
  return statuses;
}

/** Nothing that keeps people out, by axe's judgement. */
export async function accessible(page: Page): Promise<void> {
  const found = await new AxeBuilder({ page }).analyze();
  const serious = found.violations.filter(
    ({ impact }) => impact === 'serious' || impact === 'critical',
  );
  expect(serious.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`)).toEqual([]);
}

/** Pictures for people to look at: as it was on this machine, and as a drawing for the README. */
export async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.REELRUN_SCREENSHOTS;
  if (folder) {
    await page.screenshot({ path: `${folder}/${name}.jpg`, type: 'jpeg', quality: 80 });
    writeFileSync(`${folder}/${name}.svg`, await drawing(page));
  }
}
