/** Names that no user gives: of views in the making. */
export const HIDDEN_SIGN = "@";

export function isHidden(name: string | null): boolean {
  return name?.startsWith(HIDDEN_SIGN) ?? false;
}
