/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"
#include "cli/cli.h"

int main(int argc, char **argv)
{
    const struct cli_service service = {
        .serve = app_serve, .config = app_config, .openapi = app_openapi};
    return cli_main(argc, argv, &service);
}
