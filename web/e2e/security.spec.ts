import { expect, test as base, type Page } from '@playwright/test';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { by, signedIn, test } from './page.js';
import {
  clip,
  encoded,
  picture,
  putObject,
  roles,
  settled,
  stack,
  tone,
  upload,
  uploadAs,
} from './stack.js';

/** Says that it ran, and what it found. `ran` is what the test listens by. */
const SCRIPT = `
  var found = [location.origin];
  for (var name of ['localStorage', 'sessionStorage'])
    try { found.push(JSON.stringify(window[name])); } catch (e) { found.push(String(e)); }
  ran(found.join());
`;
const PAGE = `<!doctype html><title>A page</title><body><script>${SCRIPT}</script>
  <img src="x" onerror="ran('img')"><svg onload="ran('svg')"></svg>`;
const SVG = `<svg xmlns="http://www.w3.org/2000/svg"><script>${SCRIPT}</script></svg>`;

/** What any script on a page has told, wherever it ran. */
async function listen(page: Page): Promise<string[]> {
  const told: string[] = [];
  await page.exposeFunction('ran', (what: string) => told.push(what));
  return told;
}

/** Of the kinds that an earlier version stored as its client called them. */
const HOSTILE: [string, string][] = [
  ['text/html', PAGE],
  ['video/mp4;,text/html', PAGE],
  ['image/svg+xml', SVG],
  [
    'application/xhtml+xml',
    `<html xmlns="http://www.w3.org/1999/xhtml"><body><script>${SCRIPT}</script></body></html>`,
  ],
  ['text/javascript', `ran('script')`],
  ['video/mp4;,text/javascript', `ran('script')`],
];

test.describe('a file that is a page', () => {
  // What is refused or blocked, a browser also complains of.
  test.use({ expected: [/.*/] });

  test('is stored as video, and never runs', async ({ page }) => {
    const told = await listen(page);
    await signedIn(page);
    const id = await uploadAs('holiday.mp4', 'video/mp4;,text/html', PAGE);
    const address = `${stack.site_url}/uploads/${id}/source`;
    const answer = await page.goto(address).catch(() => null);
    if (answer?.ok()) expect(answer.headers()['content-type']).toBe('video/mp4');
    await page.waitForTimeout(300);
    expect(told).toEqual([]);
    // Once it was looked at, it is gone from there.
    await settled(id);
    await expect.poll(async () => (await fetch(address)).status).toBe(403);
  });

  for (const [type, body] of HOSTILE) {
    test(`is inert if it was stored as ${type}`, async ({ page }) => {
      const id = await upload(clip('short.mp4', `${picture('320x180', 1)} ${encoded}`));
      await settled(id);
      // An encode is over and nothing looks at the source any more: it is what viewers are given.
      putObject(`uploads/${id}/source`, type, body);
      const address = `${stack.site_url}/uploads/${id}/source`;
      const told = await listen(page);
      await signedIn(page);
      // As a script, a worker or a style of the page that holds the token.
      const loaded = await page.evaluate(async (address) => {
        const script = (module: boolean) =>
          new Promise((resolve) => {
            const tag = document.createElement('script');
            if (module) tag.type = 'module';
            tag.onload = () => resolve('loaded');
            tag.onerror = () => resolve('blocked');
            tag.src = address;
            document.head.append(tag);
          });
        const loaded = [await script(false), await script(true)];
        const worker = navigator.serviceWorker.register(address);
        loaded.push(
          await worker.then(
            () => 'loaded',
            () => 'blocked',
          ),
        );
        return loaded;
      }, address);
      expect(loaded).toEqual(['blocked', 'blocked', 'blocked']);
      // In a frame, and by itself.
      await page.evaluate((address) => {
        const frame = document.createElement('iframe');
        frame.src = address;
        document.body.append(frame);
      }, address);
      await page.waitForTimeout(300);
      // It may be taken for a download.
      await page.goto(address).catch(() => null);
      await page.waitForTimeout(300);
      expect(told).toEqual([]);
    });
  }
});

test.describe('a video', () => {
  // Chromium has scripts of its own around it, which the sandbox keeps from running.
  test.use({ expected: [/sandboxed/] });

  test('that is opened by itself is shown', async ({ page }) => {
    const id = await upload(clip('seen.mp4', `${picture('320x180', 3)} ${tone(3)} ${encoded}`));
    const { playback } = await settled(id);
    const width = () => page.evaluate(() => document.querySelector('video')?.videoWidth);
    await page.goto(`${stack.site_url}/uploads/${id}/source`);
    await expect.poll(width).toBe(320);
    await page.goto(playback.hls!.replace('master.m3u8', 'poster.jpg'));
    expect(await page.evaluate(() => document.images[0]?.naturalWidth)).toBeGreaterThan(0);
  });
});

test('the token is the tab’s own', async ({ page, context }) => {
  await page.goto(stack.site_url);
  await by(page, 'token-input').fill(stack.api_token);
  await by(page, 'token-submit').click();
  await expect(by(page, 'sign-out')).toBeVisible();
  await page.reload();
  await expect(by(page, 'sign-out')).toBeVisible();
  const other = await context.newPage();
  await other.goto(`${stack.site_url}/favicon.svg`);
  const kept = () => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]);
  expect(await other.evaluate(kept)).not.toContain(stack.api_token);
});

/** Pages of somebody else: one of the internet (its name leads here), one of this machine. */
const foreign = base.extend<{ pages: string[] }>({
  pages: async ({}, use) => {
    const server: Server = createServer((_request, response) => {
      response.setHeader('Content-Type', 'text/html');
      response.end('<!doctype html><title>A page of somebody else</title><body></body>');
    });
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    const { port } = server.address() as AddressInfo;
    await use([`http://evil.example:${port}`, `http://127.0.0.1:${port}`]);
    server.close();
  },
});

/** What a page sends that wants to run its own code in an account: plain forms need no permission. */
const attack = async (page: Page, target: string, name: string): Promise<void> => {
  const trust = JSON.stringify({
    Version: '2012-10-17',
    Statement: {
      Effect: 'Allow',
      Principal: { Service: 'lambda.amazonaws.com' },
      Action: 'sts:AssumeRole',
    },
  });
  const fields = {
    Action: 'CreateRole',
    Version: '2010-05-08',
    RoleName: name,
    AssumeRolePolicyDocument: trust,
    'X-Amz-Credential': 'test/20260101/us-east-1/iam/aws4_request',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Signature': '0',
  };
  await page.evaluate(
    async ([target, fields]) => {
      const query = new URLSearchParams(fields).toString();
      const ask = (url: string, init: RequestInit) => fetch(url, init).catch(() => null);
      const type = { 'Content-Type': 'application/x-www-form-urlencoded' };
      const root = `AWS4-HMAC-SHA256 Credential=${fields['X-Amz-Credential']}, SignedHeaders=host, Signature=0`;
      await ask(`${target}/`, { method: 'POST', mode: 'no-cors', headers: type, body: query });
      await ask(`${target}/?${query}`, { method: 'POST', mode: 'no-cors' });
      await ask(`${target}/?${query}`, { mode: 'no-cors' });
      await ask(`${target}/`, {
        method: 'POST',
        headers: { ...type, Authorization: root },
        body: query,
      });
      await ask(`${target}/_ministack/reset`, { method: 'POST', mode: 'no-cors' });
      const image = new Image();
      image.src = `${target}/?${query}`;
      await image.decode().catch(() => null);
      for (const method of ['GET', 'POST']) {
        const frame = document.createElement('iframe');
        frame.name = `f${method}`;
        document.body.append(frame);
        const form = document.createElement('form');
        Object.assign(form, { method, action: `${target}/`, target: frame.name });
        for (const [name, value] of Object.entries(fields)) {
          const input = document.createElement('input');
          Object.assign(input, { name, value });
          form.append(input);
        }
        document.body.append(form);
        const sent = new Promise((resolve) => frame.addEventListener('load', resolve));
        form.submit();
        await Promise.race([sent, new Promise((resolve) => setTimeout(resolve, 2000))]);
      }
    },
    [target, fields] as const,
  );
};

foreign('a page of somebody else does nothing to the stack', async ({ page, pages }) => {
  const id = await upload(clip('kept.mp4', `${picture('320x180', 1)} ${encoded}`));
  await settled(id);
  const before = roles();
  expect(before.length).toBeGreaterThan(3);
  for (const [number, address] of pages.entries()) {
    for (const target of [stack.aws_endpoint_url, stack.site_url, `${stack.api_url}`]) {
      await page.goto(address);
      await attack(page, target, `intruder-${number}`);
    }
  }
  // Nothing was made, and nothing was reset.
  expect(roles()).toEqual(before);
  expect((await settled(id)).status).toBe('ready');
});

foreign('a page of the internet reads nothing and shows nothing', async ({ page, pages }) => {
  await page.goto(pages[0]!);
  const id = '01936f1e-7b2c-7c40-9d3e-1f2a3b4c5d6e';
  for (const url of [
    `${stack.api_url}/limits`,
    `${stack.api_url}/videos/${id}`,
    `${stack.site_url}/config.json`,
    `${stack.site_url}/.reelrun-instance`,
    `${stack.aws_endpoint_url}/_ministack/ready`,
  ]) {
    const read = (url: string) =>
      fetch(url).then(
        (answer) => answer.text(),
        () => null,
      );
    expect(await page.evaluate(read, url), url).toBeNull();
    const blind = (url: string) =>
      new Promise((resolve) => {
        const image = new Image();
        image.onload = () => resolve('shown');
        image.onerror = () => resolve('not');
        image.src = url;
      });
    expect(await page.evaluate(blind, `${stack.site_url}/favicon.svg`)).toBe('not');
  }
});

foreign('the page can’t be framed, the player can', async ({ page, pages }) => {
  const id = await upload(clip('framed.mp4', `${picture('320x180', 1)} ${encoded}`));
  await settled(id);
  // Of this machine: the local stack shows itself in no frame of the internet's.
  await page.goto(pages[1]!);
  const framed = async (path: string) => {
    const url = `${stack.site_url}${path}`;
    await page.evaluate((url) => {
      const frame = document.createElement('iframe');
      frame.src = url;
      document.body.append(frame);
    }, url);
    const shown = () => page.frames().some((frame) => frame.url() === url);
    await expect.poll(() => page.frames().length).toBeGreaterThan(1);
    await page.waitForTimeout(1000);
    return shown();
  };
  expect(await framed('/')).toBe(false);
  expect(await framed(`/watch/${id}`)).toBe(false);
  expect(await framed(`/embed/${id}`)).toBe(true);
  const player = page.frames().find((frame) => frame.url().includes('/embed/'))!;
  await expect(player.locator('media-player')).toBeVisible();
});
