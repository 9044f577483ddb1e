// The reference: libdarknet called directly, as `darknet classifier valid` does it. For each image
// of a list file prints the path and the five best ID:PROBABILITY, as idunno-infer --selftest
// --top5 does. Only for files that are known to be images: darknet passes the name of any other to
// a shell.
#include <darknet.h>

static void classify(network *net, char *path)
{
    int best[5];
    image whole = load_image_color(path, 0, 0);
    image square = center_crop_image(whole, net->w, net->h);
    float *probabilities = network_predict(net, square.data);

    top_k(probabilities, net->outputs, 5, best);
    (void)printf("%s\tok", path);
    for (int i = 0; i < 5; i++)
        (void)printf("\t%d:%.9g", best[i], (double)probabilities[best[i]]);
    (void)printf("\n");
    free_image(square);
    free_image(whole);
}

int main(int argc, char **argv)
{
    char path[4096];

    if (argc != 4) {
        (void)fprintf(stderr, "usage: reference CFG WEIGHTS LIST > TSV\n");
        return 2;
    }
    FILE *list = fopen(argv[3], "r");
    if (list == NULL)
        return 1;
    network *net = parse_network_cfg(argv[1]);
    load_weights(net, argv[2]); // says so on stdout: the test ignores lines without a tab
    set_batch_network(net, 1);
    while (fgets(path, sizeof(path), list) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        classify(net, path);
    }
    (void)fclose(list);
    return 0;
}
