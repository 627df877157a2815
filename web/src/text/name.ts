/** `order_id` and `orderId` as `Order id`. */
export function nameInWords(name: string): string {
  const parted = name
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, (_, end: string, start: string) => `${end} ${start.toLowerCase()}`)
    .replace(/[_\s]+/g, " ")
    .trim();
  return parted === "" ? name : parted.charAt(0).toUpperCase() + parted.slice(1);
}
