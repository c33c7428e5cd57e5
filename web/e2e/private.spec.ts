import { expect, type Page } from '@playwright/test';

import { accessible, by, canPlay, playing, signedIn, steer, test } from './page.js';
import { clip, encoded, picture, settled, share, stack, tone, upload } from './stack.js';

const source = () => clip('private.mp4', `${picture('320x180', 20)} ${tone(20)} ${encoded}`);

/** What of a video a page asks the CDN for. */
function asked(page: Page, id: string): string[] {
  const urls: string[] = [];
  page.on('request', (request) => {
    const url = request.url();
    if (url.includes(id) && /\.(m3u8|mpd|m4s|mp4|jpg|vtt)(\?|$)/.test(url)) urls.push(url);
  });
  return urls;
}

test('a private video is shared by a link, which plays it to its end', async ({
  page,
  browser,
}) => {
  const id = await upload(source(), 'For few', 'private');
  await settled(id);
  await signedIn(page);
  const card = by(page, 'library-card').filter({ hasText: 'For few' });
  await expect(by(card, 'card-private')).toBeVisible();
  await expect(card.locator('img')).toBeVisible();
  await by(card, 'card-title').click();
  await canPlay(page);
  await by(page, 'share-open').click();
  await by(page, 'share-time').selectOption({ label: 'an hour' });
  await by(page, 'share-create').click();
  const link = await by(page, 'share-link').innerText();
  expect(link).toMatch(new RegExp(`^${stack.site_url}/watch/${id}#token=`));
  expect(await by(page, 'share-embed').innerText()).toContain(`/embed/${id}#token=`);
  await accessible(page);

  const viewer = await (await browser.newContext()).newPage();
  const urls = asked(viewer, id);
  await viewer.goto(link);
  await canPlay(viewer);
  await expect(by(viewer, 'private-note')).toContainText('Your link works until');
  await steer(viewer, 12);
  await expect.poll(async () => (await playing(viewer)).time).toBeGreaterThan(12.5);
  await viewer.evaluate(() => {
    const player = document.querySelector('media-player') as unknown as { playbackRate: number };
    player.playbackRate = 4;
  });
  await expect
    .poll(() =>
      viewer.evaluate(
        () =>
          (document.querySelector('media-player') as unknown as { state: { ended: boolean } }).state
            .ended,
      ),
    )
    .toBe(true);
  const token = new URL(link).hash.slice('#token='.length);
  expect(urls.length).toBeGreaterThan(5);
  expect(urls.filter((url) => !url.startsWith(`${stack.cdn_url}/s/${token}/${id}/`))).toEqual([]);
  await accessible(viewer);
  await viewer.context().close();
});

test('its owner makes a video private, and public again', async ({ page, browser }) => {
  const id = await upload(source(), 'For all, at first');
  await settled(id);
  await signedIn(page);
  await page.goto(`${stack.site_url}/watch/${id}`);
  await canPlay(page);
  const stranger = await (await browser.newContext()).newPage();
  const found = async () => {
    await stranger.goto(`${stack.site_url}/watch/${id}`);
    return stranger.getByText(/video not found/i).or(by(stranger, 'watch-player'));
  };
  await expect(await found()).toHaveAttribute('data-testid', 'watch-player');

  await by(page, 'visibility-change').click();
  await by(page, 'confirm-visibility').click();
  await expect(by(page, 'visibility-pending')).toContainText('Becoming private');
  await accessible(page);
  await expect(await found()).toContainText(/video not found/i);
  // Done: it can be turned round, and be shared by links.
  await expect(by(page, 'visibility-change')).toHaveText('Make public', { timeout: 120_000 });
  await expect(by(page, 'private-note')).toContainText('This video is private');
  await page.reload();
  await canPlay(page);
  await page.goto(stack.site_url);
  const card = by(page, 'library-card').filter({ hasText: 'For all, at first' });
  await expect(by(card, 'card-private')).toBeVisible();
  await by(card, 'card-title').click();

  // Whoever watches by a link goes on, at another address.
  const viewer = await (await browser.newContext()).newPage();
  const urls = asked(viewer, id);
  // What comes after the beginning is asked for when it has moved.
  await viewer.route(/\/s\/.*\/0000[2-9]\.m4s/, async (route) => {
    await expect(by(page, 'visibility-change')).toHaveText('Make private', { timeout: 120_000 });
    await route.continue();
  });
  await viewer.goto(`${stack.site_url}/watch/${id}#token=${share(id, 600)}`);
  await canPlay(viewer);
  await by(page, 'visibility-change').click();
  await by(page, 'confirm-visibility').click();
  await expect(by(page, 'visibility-change')).toHaveText('Make private', { timeout: 120_000 });
  const after = () => urls.filter((url) => url.startsWith(`${stack.cdn_url}/videos/${id}/`));
  await expect.poll(() => after().some((url) => url.endsWith('.m4s'))).toBe(true);
  await canPlay(viewer);
  await expect(await found()).toHaveAttribute('data-testid', 'watch-player');
  await viewer.context().close();
  await stranger.context().close();
});

test.describe('while the service does not answer', () => {
  test.use({ expected: [/503/] });

  test('a video stays as visible as it was, and its owner is told', async ({ page }) => {
    const id = await upload(source(), 'For all, still');
    await settled(id);
    await signedIn(page);
    await page.route(/\/api\/videos\//, (route) =>
      route.request().method() === 'PATCH' ? route.fulfill({ status: 503 }) : route.continue(),
    );
    await page.goto(`${stack.site_url}/watch/${id}`);
    await by(page, 'visibility-change').click();
    await by(page, 'confirm-visibility').click();
    await expect(by(page, 'toast').filter({ hasText: 'was not made private' })).toBeVisible();
    await expect(by(page, 'visibility-change')).toBeEnabled();
  });
});

test('a video is uploaded as private', async ({ page }) => {
  await signedIn(page);
  await by(page, 'upload-private').check();
  await by(page, 'file-input').setInputFiles(source());
  await expect(by(page, 'card-private').first()).toBeVisible();
});

test.describe('without a link that is valid', () => {
  test.use({ expected: [/404/] });

  test('a private video is not there, and the page says why', async ({ page }) => {
    const id = await upload(source(), 'For nobody', 'private');
    await settled(id);
    const urls = asked(page, id);
    await page.goto(`${stack.site_url}/watch/${id}`);
    await expect(page.getByText(/video not found/i)).toBeVisible();
    await page.goto(`${stack.site_url}/embed/${id}`);
    await expect(page.getByText(/video not found/i)).toBeVisible();
    const expired = share(id, -60);
    for (const kind of ['watch', 'embed']) {
      await page.goto(`${stack.site_url}/${kind}/${id}#token=${expired}`);
      await page.reload();
      await expect(page.getByText('This link has expired')).toBeVisible();
      await accessible(page);
    }
    expect(urls).toEqual([]);
  });
});

test.describe('when a link expires', () => {
  test.use({ expected: [/403/] });

  test('the page says why it plays no more', async ({ page }) => {
    const id = await upload(source(), 'Too long', 'private');
    await settled(id);
    const expiry = Date.now() + 25_000;
    // The rest is asked for too late.
    await page.route(/\/0000[2-9]\.m4s/, async (route) => {
      await page.waitForFunction((expiry) => Date.now() > expiry, expiry + 1000);
      await route.continue();
    });
    await page.goto(`${stack.site_url}/watch/${id}#token=${share(id, 25)}`);
    await canPlay(page);
    await steer(page);
    await expect(page.getByText('This link has expired')).toBeVisible();
  });
});
