import { bitRate, duration, exactTime, size } from '../format';
import type { Rendition, Video } from '../schema';
import { copyText } from '../ui/copy';
import { h } from '../ui/h';
import { icon } from '../ui/icons';

/** What is known about a video, and where to get it for other players. */
export function videoFacts(video: Video): HTMLElement {
  const { source, renditions, playback } = video;
  return h(
    'div',
    { class: 'facts' },
    h(
      'section',
      { 'aria-labelledby': 'facts-title' },
      h('h2', { id: 'facts-title' }, 'About this video'),
      h(
        'dl',
        { class: 'fact-list' },
        ...fact('File', video.filename),
        ...fact('Uploaded', exactTime(new Date(video.created_at))),
        ...(source
          ? [
              ...fact('Length', duration(source.duration_ms)),
              ...fact('Size', size(source.size_bytes)),
              ...fact('Resolution', resolution(source)),
              ...fact(
                'Codecs',
                [source.video_codec, source.audio_codec].filter(Boolean).join(', '),
              ),
            ]
          : []),
      ),
    ),
    renditions.length > 0 && renditionTable(renditions),
    h(
      'section',
      { 'aria-labelledby': 'links-title' },
      h('h2', { id: 'links-title' }, 'Share'),
      playback.hls && streamLink('HLS', playback.hls, 'hls-link'),
      playback.dash && streamLink('DASH', playback.dash, 'dash-link'),
      embed(video),
    ),
  );
}

const resolution = ({ width, height, frame_rate }: NonNullable<Video['source']>): string =>
  `${width} × ${height}, ${Number(frame_rate.toFixed(2))} fps`;

const fact = (name: string, value: string) => [h('div', {}, h('dt', {}, name), h('dd', {}, value))];

function renditionTable(renditions: Rendition[]): HTMLElement {
  const highestFirst = [...renditions].sort((a, b) => b.bandwidth_bps - a.bandwidth_bps);
  return h(
    'section',
    { 'aria-labelledby': 'renditions-title' },
    h('h2', { id: 'renditions-title' }, 'Renditions'),
    h(
      'div',
      { class: 'table-frame', tabindex: '0', role: 'group', 'aria-labelledby': 'renditions-title' },
      h(
        'table',
        {},
        h(
          'thead',
          {},
          h(
            'tr',
            {},
            ...['Name', 'Resolution', 'Bit rate', 'Peak', 'Codecs'].map((name) =>
              h('th', { scope: 'col' }, name),
            ),
          ),
        ),
        h(
          'tbody',
          {},
          ...highestFirst.map((rendition) =>
            h(
              'tr',
              {},
              h('th', { scope: 'row' }, rendition.name),
              h('td', {}, `${rendition.width} × ${rendition.height}`),
              h('td', {}, bitRate(rendition.average_bandwidth_bps)),
              h('td', {}, bitRate(rendition.bandwidth_bps)),
              h('td', {}, h('code', {}, rendition.codecs)),
            ),
          ),
        ),
      ),
    ),
  );
}

/** What a user made is shown in a tab of its own, which knows nothing of this one. */
const elsewhere = { target: '_blank', rel: 'noopener noreferrer' };

const streamLink = (name: string, url: string, testid: string): HTMLElement =>
  h(
    'div',
    { class: 'share-line' },
    h('span', { class: 'share-name' }, name),
    h('a', { class: 'share-url', href: url, ...elsewhere, 'data-testid': testid }, url),
    copyButton(url, `${name} link`),
  );

function embed(video: Video): HTMLElement {
  const address = new URL(`/embed/${encodeURIComponent(video.id)}`, location.origin).href;
  const { width, height } = video.source ?? { width: 16, height: 9 };
  const snippet =
    `<iframe src="${address}" title="Video" loading="lazy" ` +
    `allow="autoplay; fullscreen; picture-in-picture" ` +
    `style="width: 100%; aspect-ratio: ${width} / ${height}; border: 0"></iframe>`;
  return h(
    'div',
    { class: 'share-line' },
    h('span', { class: 'share-name' }, 'Embed'),
    h('code', { class: 'share-url', 'data-testid': 'embed-snippet' }, snippet),
    copyButton(snippet, 'Embed code'),
  );
}

const copyButton = (text: string, what: string): HTMLElement =>
  h(
    'button',
    {
      type: 'button',
      class: 'button small',
      'aria-label': `Copy the ${what}`,
      onclick: () => void copyText(text, what),
    },
    icon('copy'),
    'Copy',
  );
