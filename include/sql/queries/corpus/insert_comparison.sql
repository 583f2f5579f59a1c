-- Keep what a comparison showed.
insert into corpus.index_comparison (
    comparison_id, tenant, index_id, against_id, run_id, questions, questions_sha256, results, hit_1, hit_5, mrr, against_hit_1,
    against_hit_5, against_mrr, overlap, worse, better, tokens, cost_usd
)
values (
    %(comparison_id)s, %(tenant)s, %(index_id)s, %(against_id)s, %(run_id)s, %(questions)s, %(questions_sha256)s, %(results)s,
    %(hit_1)s, %(hit_5)s, %(mrr)s, %(against_hit_1)s, %(against_hit_5)s, %(against_mrr)s, %(overlap)s, %(worse)s, %(better)s,
    %(tokens)s, %(cost_usd)s
)
