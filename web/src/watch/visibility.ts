import { changeVisibility } from '../api';
import { messageOf } from '../problem';
import type { Video, Visibility } from '../schema';
import { confirmed } from '../ui/confirm';
import { h } from '../ui/h';
import { icon } from '../ui/icons';
import { toastError } from '../ui/toast';
import { nameOf } from '../video';

const OTHER: Record<Visibility, Visibility> = { public: 'private', private: 'public' };

const QUESTION: Record<Visibility, string> = {
  private:
    'Links to it stop working, and whoever is watching is cut off. You can create links that work for a while.',
  public: 'Whoever has its address can watch it, without a link that you create.',
};

const BECOMES: Record<Visibility, string> = {
  private: 'Becoming private. Until that is done, it can still be watched by its address.',
  public: 'Becoming public.',
};

/** Who may watch a video, as its owner can change it; `changed` gets the video as it is then. */
export function visibilityControl(video: Video, changed: (video: Video) => void): HTMLElement {
  const { visibility, pending_visibility: pending } = video;
  if (pending) {
    const waits = video.status === 'waiting' || video.status === 'preparing';
    return h(
      'p',
      { class: 'private-note', role: 'status', 'data-testid': 'visibility-pending' },
      icon('clock'),
      waits ? `It becomes ${pending} when it is converted.` : BECOMES[pending],
    );
  }
  const to = OTHER[visibility];
  const button = h(
    'button',
    {
      type: 'button',
      class: 'button',
      'data-testid': 'visibility-change',
      onclick: () => void ask(),
    },
    icon(to === 'private' ? 'lock' : 'link'),
    `Make ${to}`,
  );
  const ask = async () => {
    const sure = await confirmed({
      title: `Make “${nameOf(video)}” ${to}?`,
      text: QUESTION[to],
      action: `Make ${to}`,
      testid: 'confirm-visibility',
    });
    if (!sure) return;
    button.disabled = true;
    try {
      changed(await changeVisibility(video.id, to));
    } catch (why) {
      button.disabled = false;
      toastError(`“${nameOf(video)}” was not made ${to}. ${messageOf(why)}`);
    }
  };
  return button;
}
