import { messageOf } from '../problem';
import { h } from '../ui/h';
import { notice } from '../ui/notice';

/** Instead of a video that is not there. */
export function noSuchVideo(...actions: HTMLElement[]): HTMLElement {
  return notice(
    {
      icon: 'film',
      level: 1,
      title: 'Video not found',
      text: 'The link may be incomplete, or the video may have been deleted.',
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
