import { createToken } from '../api';
import { exactTime } from '../format';
import { messageOf } from '../problem';
import type { Video } from '../schema';
import { copyButton } from '../ui/copy';
import { h, replaceChildren } from '../ui/h';
import { nameOf, shapeOf, watchUrl } from '../video';

const HOUR = 3600;
const TIMES: [seconds: number, words: string][] = [
  [HOUR, 'an hour'],
  [6 * HOUR, 'six hours'],
  [24 * HOUR, 'a day'],
  [7 * 24 * HOUR, 'a week'],
];

/** Makes links by which others watch a private video for a while. */
export function shareDialog(video: Video): void {
  const time = h(
    'select',
    { id: 'share-time', 'data-testid': 'share-time' },
    ...TIMES.map(([seconds, words]) => h('option', { value: String(seconds) }, words)),
  );
  const made = h('div', { class: 'share-made', role: 'status' });
  const create = async (event: Event) => {
    event.preventDefault();
    try {
      const { token, expires_at } = await createToken(video.id, Number(time.value));
      const link = `${watchUrl(video.id)}#token=${token}`;
      replaceChildren(
        made,
        h('p', {}, `Whoever has it can watch until ${exactTime(new Date(expires_at))}.`),
        shareLine('Link', link, 'share-link'),
        shareLine('Embed', embedSnippet(video, token), 'share-embed'),
      );
    } catch (why) {
      replaceChildren(made, h('p', { class: 'field-error' }, messageOf(why)));
    }
  };
  const dialog = h(
    'dialog',
    { class: 'dialog', 'aria-labelledby': 'share-title', 'data-testid': 'share-dialog' },
    h(
      'form',
      { onsubmit: (event: Event) => void create(event) },
      h('h2', { id: 'share-title' }, `Share “${nameOf(video)}”`),
      h('p', {}, 'This video is private. A link opens it for a while, and can’t be taken back.'),
      h('label', { for: 'share-time' }, 'The link works for'),
      time,
      made,
      h(
        'div',
        { class: 'dialog-actions' },
        h('button', { type: 'button', class: 'button', onclick: () => dialog.close() }, 'Close'),
        h(
          'button',
          { type: 'submit', class: 'button primary', 'data-testid': 'share-create' },
          'Create link',
        ),
      ),
    ),
  );
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** The player in a frame, for another page. */
export function embedSnippet(video: Video, token?: string): string {
  const address = new URL(`/embed/${encodeURIComponent(video.id)}`, location.origin).href;
  const { width, height } = shapeOf(video);
  return (
    `<iframe src="${address}${token ? `#token=${token}` : ''}" title="Video" loading="lazy" ` +
    `allow="autoplay; fullscreen; picture-in-picture" ` +
    `style="width: 100%; aspect-ratio: ${width} / ${height}; border: 0"></iframe>`
  );
}

/** Something to copy. */
export const shareLine = (name: string, text: string, testid: string): HTMLElement =>
  h(
    'div',
    { class: 'share-line' },
    h('span', { class: 'share-name' }, name),
    h('code', { class: 'share-url', 'data-testid': testid }, text),
    copyButton(text, name === 'Embed' ? 'Embed code' : name),
  );
