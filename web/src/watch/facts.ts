import { bitRate, duration, exactTime, size } from '../format';
import type { Rendition, Video } from '../schema';
import { playbackToken, expiryOf } from '../playback-token';
import { token } from '../session';
import { copyButton } from '../ui/copy';
import { h } from '../ui/h';
import { icon } from '../ui/icons';
import { embedSnippet, shareDialog, shareLine } from './share';
import { visibilityControl } from './visibility';

/** What is known about a video, and where to get it for other players. */
export function videoFacts(video: Video, changed: (video: Video) => void): HTMLElement {
  const { source, renditions } = video;
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
        ...(video.encryption ? fact('Encrypted', 'AES-128, for players of HLS') : []),
        ...(source
          ? [
              ...fact('Length', duration(source.duration_ms)),
              ...fact('Size', size(source.size_bytes)),
              ...resolution(source),
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
      ...(video.visibility === 'private' ? sharePrivate(video) : sharePublic(video)),
      playbackToken() === null && token() !== null && visibilityControl(video, changed),
    ),
  );
}

const sharePublic = (video: Video) => [
  video.playback.hls && streamLink('HLS', video.playback.hls, 'hls-link'),
  video.playback.dash && streamLink('DASH', video.playback.dash, 'dash-link'),
  shareLine('Embed', embedSnippet(video), 'embed-snippet'),
];

/** Its addresses open it, so they are not shown around: links are made for others, each for a while. */
function sharePrivate(video: Video) {
  const shared = playbackToken();
  const expiry = shared === null ? null : expiryOf(shared);
  return [
    h(
      'p',
      { class: 'private-note', 'data-testid': 'private-note' },
      icon('lock'),
      expiry
        ? `This video is private. Your link works until ${exactTime(expiry)}.`
        : 'This video is private. Others need a link that you create.',
    ),
    shared === null &&
      token() !== null &&
      h(
        'button',
        {
          type: 'button',
          class: 'button',
          'data-testid': 'share-open',
          onclick: () => shareDialog(video),
        },
        icon('link'),
        'Create a link',
      ),
  ];
}

const resolution = ({ width, height, frame_rate }: NonNullable<Video['source']>) =>
  frame_rate === null
    ? []
    : fact('Resolution', `${width} × ${height}, ${Number(frame_rate.toFixed(2))} fps`);

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
