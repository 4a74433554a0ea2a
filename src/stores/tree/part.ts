/** Accounts, check, repair, dump and restore: loaded where one of them is asked for. */
import { Part } from "../../task.ts";

export const treeTools = new Part(() => import("./tools.ts"));
