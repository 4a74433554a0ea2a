/** Names that no user gives: of views in the making. */
export const HIDDEN_SIGN = "@";

/** Of the view that tells how far a rollback is. */
export const ROLLBACK_NAME = "@rollback";
/** Of a snapshot that is taken meanwhile, until it is whole. */
export const ROLLBACK_SNAPSHOT = "@rollback+";

/** Hidden, and for a rollback. */
export function isOfRollback(name: string | null): boolean {
  return name?.startsWith(ROLLBACK_NAME) ?? false;
}

export function isHidden(name: string | null): boolean {
  return name?.startsWith(HIDDEN_SIGN) ?? false;
}
