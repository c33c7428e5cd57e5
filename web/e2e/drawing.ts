import type { Page } from '@playwright/test';

/**
 * The page as it looks now, as an SVG that holds the page itself: small, sharp at any size, and text,
 * so that it can live beside the sources. Whoever shows it draws it, in light or dark.
 */
export function drawing(page: Page): Promise<string> {
  return page.evaluate(() => {
    /** What an element shows, at the size at which it is shown. */
    const still = (element: HTMLImageElement | HTMLVideoElement): string => {
      const canvas = document.createElement('canvas');
      canvas.width = Math.max(1, Math.min(640, element.clientWidth));
      const natural =
        element instanceof HTMLVideoElement
          ? element.videoHeight / element.videoWidth
          : element.naturalHeight / element.naturalWidth;
      canvas.height = Math.max(1, Math.round(canvas.width * (natural || 0)));
      canvas.getContext('2d')!.drawImage(element, 0, 0, canvas.width, canvas.height);
      return canvas.toDataURL('image/webp', 0.4);
    };

    const copy = (element: Element): Element | null => {
      const style = getComputedStyle(element);
      if (/^(script|style|link|meta|noscript|template)$/i.test(element.tagName)) return null;
      const isBelow = element.getBoundingClientRect().top > innerHeight;
      if (style.display === 'none' || isBelow) return null;
      let copied = element.cloneNode(false) as Element;
      for (const { name } of [...copied.attributes]) {
        // Names that XML does not know, and addresses that would be asked for.
        if (/[@:]|^(on|src|href|poster)/.test(name)) copied.removeAttribute(name);
      }
      if (element instanceof HTMLVideoElement || element instanceof HTMLImageElement) {
        const image = document.createElement('img');
        for (const { name, value } of copied.attributes) image.setAttribute(name, value);
        image.src = still(element);
        image.style.width = style.width;
        image.style.height = style.height;
        image.style.objectFit = style.objectFit;
        copied = image;
      }
      if (element instanceof HTMLInputElement) copied.setAttribute('value', element.value);
      for (const child of element.childNodes) {
        if (child instanceof Element) {
          const inner = copy(child);
          if (inner) copied.append(inner);
        } else if (child.nodeType === Node.TEXT_NODE) {
          copied.append(child.cloneNode());
        }
      }
      return copied;
    };

    /** The rules that something on this page answers to. */
    const used = (rules: CSSRuleList): string =>
      [...rules]
        .map((rule) => {
          if (rule instanceof CSSStyleRule) {
            const plain = rule.selectorText.replace(/::?[\w-]+(\((?:[^()]|\([^()]*\))*\))?/g, '');
            const parts = plain.split(',').map((part) => part.trim());
            const is = (part: string) => {
              try {
                return part === '' || /[>+~]$/.test(part) || document.querySelector(part) !== null;
              } catch {
                return true;
              }
            };
            return parts.some(is) ? rule.cssText : '';
          }
          if (rule instanceof CSSMediaRule) {
            const inner = used(rule.cssRules);
            return inner && `@media ${rule.conditionText}{${inner}}`;
          }
          if (rule instanceof CSSSupportsRule) {
            const inner = used(rule.cssRules);
            return inner && `@supports ${rule.conditionText}{${inner}}`;
          }
          return rule instanceof CSSKeyframesRule ? '' : rule.cssText;
        })
        .filter(Boolean)
        .join('\n');

    const [width, height] = [innerWidth, innerHeight];
    const body = copy(document.body)!;
    body.removeAttribute('style');
    const html = document.documentElement.cloneNode(false) as Element;
    html.setAttribute('style', 'display:block;height:100%;overflow:hidden');
    html.append(body);
    const css = [...document.styleSheets].map((sheet) => used(sheet.cssRules)).join('\n');
    const escaped = css.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
    const drawn = new XMLSerializer().serializeToString(html);
    return (
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">\n` +
      `<style>${escaped}</style>\n` +
      `<foreignObject width="100%" height="100%">${drawn}</foreignObject>\n</svg>\n`
    );
  });
}
