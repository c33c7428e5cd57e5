import { isExpired, playbackToken } from '../playback-token';
import { messageOf } from '../problem';
import { h } from '../ui/h';
import { notice } from '../ui/notice';

/** Instead of a video that is not there, or not for this viewer. */
export function noSuchVideo(...actions: HTMLElement[]): HTMLElement {
  const token = playbackToken();
  if (token !== null && isExpired(token, new Date())) return expiredLink(...actions);
  return notice(
    {
      icon: 'film',
      level: 1,
      title: 'Video not found',
      text:
        token === null
          ? 'The link may be incomplete, the video may have been deleted, or it is private.'
          : 'The link may be incomplete or no longer valid, or the video may have been deleted.',
    },
    ...actions,
  );
}

/** Instead of a private video whose link has had its time. */
export function expiredLink(...actions: HTMLElement[]): HTMLElement {
  return notice(
    {
      icon: 'clock',
      level: 1,
      title: 'This link has expired',
      text: 'Ask whoever shared the video for a new one.',
    },
    ...actions,
  );
}

/** Instead of a video that can't be asked for at the moment. */
export function notLoaded(why: unknown, again: () => void): HTMLElement {
  return notice(
    { icon: 'alert', title: 'The video could not be loaded', text: messageOf(why) },
    h('button', { type: 'button', class: 'button', onclick: again }, 'Try again'),
  );
}
