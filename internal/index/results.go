package index

import "tidemark/internal/mapping"

// resultMappings are the types of the fields of results, as searches and tools see
// them. Fields of a job's own names are looked at as they are.
const resultMappings = `{"dynamic":"true","properties":{
	"actual":{"type":"double"},"all_field_values":{"type":"text","analyzer":"whitespace"},"anomaly_score":{"type":"double"},
	"average_bucket_processing_time_ms":{"type":"double"},"bucket_allocation_failures_count":{"type":"long"},
	"bucket_count":{"type":"long"},"bucket_influencers":{"type":"nested","properties":{"anomaly_score":{"type":"double"},"bucket_span":{"type":"long"},
		"influencer_field_name":{"type":"keyword"},"initial_anomaly_score":{"type":"double"},"is_interim":{"type":"boolean"},"job_id":{"type":"keyword"},
		"probability":{"type":"double"},"raw_anomaly_score":{"type":"double"},"result_type":{"type":"keyword"},"timestamp":{"type":"date"}}},
	"bucket_span":{"type":"long"},"by_field_name":{"type":"keyword"},"by_field_value":{"type":"keyword"},
	"categorization_status":{"type":"keyword"},"categorized_doc_count":{"type":"keyword"},"category_id":{"type":"long"},
	"causes":{"type":"nested","properties":{"actual":{"type":"double"},"by_field_name":{"type":"keyword"},"by_field_value":{"type":"keyword"},
		"correlated_by_field_value":{"type":"keyword"},"field_name":{"type":"keyword"},"function":{"type":"keyword"},"function_description":{"type":"keyword"},
		"over_field_name":{"type":"keyword"},"over_field_value":{"type":"keyword"},"partition_field_name":{"type":"keyword"},
		"partition_field_value":{"type":"keyword"},"probability":{"type":"double"},"typical":{"type":"double"}}},
	"dead_category_count":{"type":"keyword"},"description":{"type":"text"},"detector_index":{"type":"integer"},
	"earliest_record_timestamp":{"type":"date"},"empty_bucket_count":{"type":"long"},"event_count":{"type":"long"},"examples":{"type":"text"},
	"failed_category_count":{"type":"keyword"},"field_name":{"type":"keyword"},"forecast_create_timestamp":{"type":"date"},"forecast_end_timestamp":{"type":"date"},
	"forecast_expiry_timestamp":{"type":"date"},"forecast_id":{"type":"keyword"},"forecast_lower":{"type":"double"},"forecast_memory_bytes":{"type":"long"},
	"forecast_messages":{"type":"keyword"},"forecast_prediction":{"type":"double"},"forecast_progress":{"type":"double"},"forecast_start_timestamp":{"type":"date"},
	"forecast_status":{"type":"keyword"},"forecast_upper":{"type":"double"},"frequent_category_count":{"type":"keyword"},"function":{"type":"keyword"},
	"function_description":{"type":"keyword"},"influencer_field_name":{"type":"keyword"},"influencer_field_value":{"type":"keyword"},"influencer_score":{"type":"double"},
	"influencers":{"type":"nested","properties":{"influencer_field_name":{"type":"keyword"},"influencer_field_values":{"type":"keyword"}}},
	"initial_anomaly_score":{"type":"double"},"initial_influencer_score":{"type":"double"},"initial_record_score":{"type":"double"},
	"input_bytes":{"type":"long"},"input_field_count":{"type":"long"},"input_record_count":{"type":"long"},"invalid_date_count":{"type":"long"},
	"is_interim":{"type":"boolean"},"job_id":{"type":"keyword"},"last_data_time":{"type":"date"},
	"latest_empty_bucket_timestamp":{"type":"date"},"latest_record_time_stamp":{"type":"date"},"latest_record_timestamp":{"type":"date"},"latest_result_time_stamp":{"type":"date"},
	"latest_sparse_bucket_timestamp":{"type":"date"},"log_time":{"type":"date"},"max_matching_length":{"type":"long"},
	"maximum_bucket_processing_time_ms":{"type":"double"},"memory_status":{"type":"keyword"},"min_version":{"type":"keyword"},"minimum_bucket_processing_time_ms":{"type":"double"},
	"missing_field_count":{"type":"long"},"model_bytes":{"type":"long"},"model_bytes_exceeded":{"type":"keyword"},"model_bytes_memory_limit":{"type":"keyword"},
	"model_feature":{"type":"keyword"},"model_lower":{"type":"double"},"model_median":{"type":"double"},"model_upper":{"type":"double"},
	"multi_bucket_impact":{"type":"double"},"num_matches":{"type":"long"},"out_of_order_timestamp_count":{"type":"long"},"over_field_name":{"type":"keyword"},
	"over_field_value":{"type":"keyword"},"partition_field_name":{"type":"keyword"},"partition_field_value":{"type":"keyword"},
	"peak_model_bytes":{"type":"long"},"preferred_to_categories":{"type":"long"},"probability":{"type":"double"},"processed_field_count":{"type":"long"},"processed_record_count":{"type":"long"},
	"processing_time_ms":{"type":"long"},"rare_category_count":{"type":"keyword"},"raw_anomaly_score":{"type":"double"},"record_score":{"type":"double"},"regex":{"type":"keyword"},
	"result_type":{"type":"keyword"},"retain":{"type":"boolean"},"scheduled_events":{"type":"keyword"},"search_count":{"type":"long"},"snapshot_doc_count":{"type":"integer"},"snapshot_id":{"type":"keyword"},
	"sparse_bucket_count":{"type":"long"},"terms":{"type":"text"},"timestamp":{"type":"date"},"total_by_field_count":{"type":"long"},"total_category_count":{"type":"keyword"},
	"total_over_field_count":{"type":"long"},"total_partition_field_count":{"type":"long"},"typical":{"type":"double"}}}`

var resultFields = mustParse(resultMappings)

func mustParse(text string) *mapping.Fields {
	f, err := mapping.Parse([]byte(text))
	if err != nil {
		panic("index: mappings of results: " + err.Error())
	}
	return f
}

// annotationMappings and notificationMappings are of the indices that exist before
// anything is written.
const annotationMappings = `{"properties":{"annotation":{"type":"text"},"by_field_name":{"type":"keyword"},"by_field_value":{"type":"keyword"},"create_time":{"type":"date"},
	"create_username":{"type":"keyword"},"detector_index":{"type":"integer"},"end_timestamp":{"type":"date"},"event":{"type":"keyword"},"job_id":{"type":"keyword"},
	"modified_time":{"type":"date"},"modified_username":{"type":"keyword"},"over_field_name":{"type":"keyword"},"over_field_value":{"type":"keyword"},
	"partition_field_name":{"type":"keyword"},"partition_field_value":{"type":"keyword"},"timestamp":{"type":"date"},"type":{"type":"keyword"}}}`

const notificationMappings = `{"properties":{"cleared":{"type":"boolean"},"job_id":{"type":"keyword"},"job_type":{"type":"keyword"},"level":{"type":"keyword"},
	"message":{"type":"text","fields":{"raw":{"type":"keyword","ignore_above":1024}}},"node_name":{"type":"keyword"},"timestamp":{"type":"date"},"type":{"type":"keyword"}}}`

// madeWith are the mappings of built-in indices.
var madeWith = map[string]string{Annotations: annotationMappings, Notifications: notificationMappings}
