/* SPDX-License-Identifier: BSD-3-Clause */
/* Bugs planted on purpose, so that the tests can show that the simulator would catch such. A copy
 * of the path layer built with -DWSP_PLANT=WSP_PLANT_<bug> has it; a product build has none. */
#ifndef WSP_PATH_PLANT_H
#define WSP_PATH_PLANT_H

#define WSP_PLANT_NONE    0
#define WSP_PLANT_REPLAY  1 /* what a lost stream had written is not sent again */
#define WSP_PLANT_ORDER   2 /* a message is handed up before its predecessors */
#define WSP_PLANT_CREDIT  3 /* bytes are granted again while they are still in our store */
#define WSP_PLANT_LANDING 4 /* a reader is not turned away when its claim ends */

#ifndef WSP_PLANT
#define WSP_PLANT WSP_PLANT_NONE
#endif

#define WSP_PLANTED(bug) (WSP_PLANT == WSP_PLANT_##bug)

#endif
