import { h } from './h';

const region = h('div', { class: 'visually-hidden', role: 'status' });

export function mountAnnouncer(parent: Element): void {
  parent.append(region);
}

/** Says something to those who hear the page. Meant for few and short words. */
export function announce(text: string): void {
  region.textContent = text;
}
